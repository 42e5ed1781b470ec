"""One service and what belongs to it besides its life: its checkup, and the stir of its files. Pure."""

from __future__ import annotations

from guardian.services import events, health, watching
from guardian.services.effects import Probe, StopProbe
from guardian.services.health import Checkup, Condition
from guardian.services.life import State, Wanted
from guardian.services.living import Life
from guardian.services.watching import Stir
from guardian.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from guardian.services.effects import Effect
    from guardian.services.events import LifeEvent
    from guardian.services.spec import HealthSpec, ServiceSpec


class Service(Value):
    """Everything that is remembered of one service."""

    life: Life
    checkup: Checkup | None = None  # of the present generation; None: nothing is to be looked at
    stir: Stir | None = None  # changes of its files that no restart has answered yet

    @property
    def due(self) -> float | None:
        """When something of it is due; None: never."""
        dues = [part.due for part in (self.life, self.checkup, self.stir) if part is not None]
        return min((due for due in dues if due is not None), default=None)


class Tended(Value):
    """What tending returns: the service, what is to be done, and what its life is told of."""

    service: Service
    effects: tuple[Effect, ...] = ()
    events: tuple[LifeEvent, ...] = ()


OBSERVED = (State.RUNNING, State.READY, State.UNHEALTHY)


def check_of(life: Life, spec: ServiceSpec) -> HealthSpec | None:
    """Return what is to be looked at now: until it was READY what makes it so, then whether it stays well."""
    if life.state not in OBSERVED:
        return None
    return spec.health if life.ready_at is not None else spec.ready or spec.health


def tended(service: Service, spec: ServiceSpec, now: float) -> Tended:
    """Bring checkup and stir in line with the life after a step."""
    life, checkup = service.life, service.checkup
    stir = service.stir if life.wanted is not Wanted.DOWN else None
    check = check_of(life, spec)
    if checkup and (checkup.check, checkup.generation) == (check, life.generation):
        return Tended(service.replace(stir=stir))
    dropped = _dropped(life.name, checkup)
    if check is None:
        ready: tuple[LifeEvent, ...] = ()
        if life.state is State.RUNNING or (life.state is State.UNHEALTHY and checkup):
            ready = (events.Well("runs, and nothing else is asked of it"),)
        return Tended(service.replace(checkup=None, stir=stir), dropped, ready)
    well = life.state is State.READY
    begun = health.begin(check, generation=life.generation, now=now, well=well)
    return Tended(service.replace(checkup=begun, stir=stir), dropped)


def _dropped(name: str, checkup: Checkup | None) -> tuple[Effect, ...]:
    """Return what takes a look back that is under way."""
    if checkup is None or not checkup.under_way:
        return ()
    return (StopProbe(name, checkup.generation, checkup.number),)


def told(
    service: Service, spec: ServiceSpec, event: events.Probed | events.Heard | events.FilesChanged, now: float
) -> Tended:
    """Take in what a look, the service itself or its files told."""
    if isinstance(event, events.FilesChanged):
        wanted = service.life.wanted is not Wanted.DOWN
        stir = watching.stirred(spec, service.stir, event.paths, now) if wanted else None
        return Tended(service.replace(stir=stir))
    checkup = service.checkup
    if checkup is None or event.generation != checkup.generation:
        return Tended(service)
    if isinstance(event, events.Heard):
        if not checkup.check.tells:
            return Tended(service)
        return _judged(service, checkup, health.heard(checkup, event.note, now))
    after = health.answered(checkup, event.number, good=event.good, note=event.note, now=now)
    return _judged(service, checkup, after)


def rung(service: Service, spec: ServiceSpec, now: float) -> Tended:
    """Do what is due: the next look, the look for what was not heard, the restart after a stir."""
    if service.stir is not None and service.stir.due <= now:
        changed = events.Changed(str(service.stir))
        return Tended(service.replace(stir=None), events=(changed,))
    checkup = service.checkup
    if checkup is None or checkup.due is None or checkup.due > now:
        return Tended(service)
    if checkup.check.tells:
        return _judged(service, checkup, health.missed(checkup, now))
    asked = health.ask(checkup, now)
    probe = Probe(service.life.name, asked.generation, asked.number, asked.check)
    return Tended(service.replace(checkup=asked), (probe,))


def _judged(service: Service, before: Checkup, after: Checkup) -> Tended:
    """Tell the life when the condition has changed."""
    kept = service.replace(checkup=after)
    if after.condition is before.condition:
        return Tended(kept)
    well = after.condition is Condition.WELL
    return Tended(kept, events=(events.Well(after.note) if well else events.Sick(after.note),))
