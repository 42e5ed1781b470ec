"""How services stand, as clients are told."""

from __future__ import annotations

import time

from guardian.daemon.outputs import logs_of
from guardian.services.life import State
from guardian.services.mind import waits_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.daemon.brain import Brain
    from guardian.services.living import Exit


def standings(brain: Brain, names: Iterable[str]) -> list[dict[str, object]]:
    """Return one record for each of these services."""
    return [standing(brain, name) for name in names]


def standing(brain: Brain, name: str) -> dict[str, object]:
    """Return how one service stands; times are seconds, ages since something."""
    now = time.monotonic()
    life = brain.memory.life(name)
    spec = brain.roster.specs.get(name) or life.spec
    who = life.who if life.live and life.state is not State.STARTING else None
    checkup = brain.memory.services[name].checkup if name in brain.memory.services else None
    return {
        "name": name,
        "state": life.state.value,
        "wanted": life.wanted.value,
        "why": str(life.why),
        "waits_for": list(waits_for(brain.roster, brain.memory, name)),
        "pid": who.pid if who else None,
        "start": who.start if who else None,
        "generation": life.generation,
        "uptime": round(now - life.started, 3) if life.live and life.started else None,
        "since": round(now - life.since, 3) if life.since else None,
        "due": round(max(0.0, life.due - now), 3) if life.due is not None else None,
        "restarts": life.history.total,
        "exit": exit_of(life.exit),
        "health": checkup.condition.value if checkup is not None else None,
        "health_note": checkup.note if checkup is not None else "",
        "logs": [[log.stream, log.file] for log in logs_of(spec, brain.project)] if spec else [],
        "groups": list(spec.member_of) if spec else [],
        "command": " ".join((spec.command, *spec.args)) if spec else "",
        "autostart": spec.autostart if spec else False,
        "added": name in {each.name for each in brain.added},
    }


def exit_of(ending: Exit | None) -> str | None:
    """Return how the last leader ended: "code 1", "SIGKILL", "unknown"; None when none has."""
    if ending is None:
        return None
    return f"code {ending.code}" if ending.code is not None else ending.signal or "unknown"
