"""What is learnt of services besides their trees: looks, printed patterns, notifications, changed files."""

from __future__ import annotations

import asyncio
import os
import time

from guardian.daemon.surroundings import folder_of, launch_of
from guardian.errors import GuardianError
from guardian.services import events, watching
from guardian.services.life import State
from guardian.services.tending import check_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.daemon.outputs import Outputs
    from guardian.daemon.places import Project
    from guardian.daemon.trees import Trees
    from guardian.probes.files import FileWatch
    from guardian.probes.finding import Finding
    from guardian.probes.folders import Watched
    from guardian.probes.look import Looker
    from guardian.probes.notify import NotifySocket, Told
    from guardian.probes.pattern import Pattern
    from guardian.services.effects import Probe, StopProbe
    from guardian.services.events import Event
    from guardian.services.living import Life
    from guardian.services.mind import Memory
    from guardian.services.order import Roster
    from guardian.services.spec import HealthSpec, ServiceSpec

HEARD_AGAIN = 0.1  # seconds in which the same good news counts once


class Senses:
    """Eyes and ears of the brain; what they find is told as events."""

    def __init__(
        self,
        project: Project,
        *,
        tell: Callable[[Event], None],
        memory: Callable[[], Memory],
        trees: Trees,
        outputs: Outputs,
        complain: Callable[[str], None],
    ) -> None:
        self._project, self._tell, self._memory = project, tell, memory
        self._trees, self._outputs, self._complain = trees, outputs, complain
        self._loop = asyncio.get_running_loop()
        self._specs: dict[str, ServiceSpec] = {}
        self._looker: Looker | None = None
        self._looks: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._patterns: dict[str, Pattern] = {}  # by what they say
        self._heard_at: dict[str, float] = {}
        self.early: list[events.Heard] = []  # of services that are not known to run yet
        self._sockets: dict[str, NotifySocket] = {}
        self._files: FileWatch | None = None
        self._watched: dict[str, tuple[ServiceSpec, Watched]] = {}
        self._watching: asyncio.Task[None] | None = None

    def follow(self, roster: Roster) -> None:
        """Listen to these services from now on."""
        self._specs = dict(roster.specs)
        for name in [name for name in self._sockets if not _notifies(self._specs.get(name))]:
            self._sockets.pop(name).close()
        for spec in self._specs.values():
            if _notifies(spec):
                self._listen_to_notes(spec)
        self._outputs.need = {spec.name for spec in self._specs.values() if _prints(spec)}
        self._outputs.choose_listeners()
        self._watch_files()

    # looks

    def probe(self, action: Probe) -> None:
        """Look, and tell what was found."""
        key = (action.name, action.number)
        self._looks[key] = self._loop.create_task(self._look(action))
        self._looks[key].add_done_callback(lambda _: self._looks.pop(key, None))

    def stop_probe(self, action: StopProbe) -> None:
        """The answer is needed no more."""
        task = self._looks.get((action.name, action.number))
        if task is not None:
            task.cancel()

    async def _look(self, action: Probe) -> None:
        found = await self._finding(action)
        self._tell(events.Probed(action.name, action.generation, action.number, found.good, found.note))

    async def _finding(self, action: Probe) -> Finding:
        from guardian.probes.finding import Finding, Where  # late: most services have no check
        from guardian.probes.look import Looker

        self._looker = self._looker or Looker()
        try:
            spec = self._memory().life(action.name).spec or self._specs[action.name]
            run = launch_of(spec, root=self._project.root, key=f"{action.name}:{action.generation}")
        except GuardianError as error:
            return Finding(False, str(error))
        where = Where(run.cwd, run.env, run.uid, run.gid, run.groups)
        return await self._looker.look(action.check, where)

    # what it prints

    def heard(self, name: str, lines: list[bytes]) -> None:
        """Search what a service printed for its pattern."""
        life = self._memory().life(name)
        check = self._listening_for(life, name)
        if check is None or check.type != "output" or not self._is_news(name):
            return
        pattern = self._pattern(check.pattern)
        note = next((note for note in map(pattern.heard, lines) if note), None)
        if note is not None:
            self._heard_at[name] = time.monotonic()
            self._tell_news(life, note)

    def _listening_for(self, life: Life, name: str) -> HealthSpec | None:
        spec = self._specs.get(name)
        if spec is None:
            return None
        return (spec.ready or spec.health) if life.state is State.STARTING else check_of(life, spec)

    def _tell_news(self, life: Life, note: str) -> None:
        """Tell that a service says it is well; one whose command was quicker than the news of it, later."""
        news = events.Heard(life.name, life.generation, note)
        if life.state is State.STARTING:
            self.early.append(news)
        else:
            self._tell(news)

    def catch_up(self) -> None:
        """Tell what services said before it was known that they run; called after each decision."""
        early, self.early = self.early, []
        for news in early:
            life = self._memory().life(news.name)
            if life.generation == news.generation:
                self._tell_news(life, news.note)

    def _is_news(self, name: str) -> bool:
        """Whether the last good news of this generation is some time ago."""
        last = self._heard_at.get(name, 0.0)
        return time.monotonic() >= last + HEARD_AGAIN or last < self._memory().life(name).started

    def _pattern(self, text: str) -> Pattern:
        from guardian.probes.pattern import Pattern

        if text not in self._patterns:
            self._patterns[text] = Pattern(text)
        return self._patterns[text]

    # what it notifies

    def variables(self, spec: ServiceSpec) -> dict[str, str]:
        """Return what a service has to be told so that it can notify (sd_notify(3))."""
        check = spec.ready if spec.ready and spec.ready.type == "notify" else spec.health
        if not _notifies(spec) or spec.name not in self._sockets:
            return {}
        result = {"NOTIFY_SOCKET": self._sockets[spec.name].path}
        if check is not None and check.max_silence:
            result["WATCHDOG_USEC"] = str(int(check.max_silence * 1e6))
        return result

    def _listen_to_notes(self, spec: ServiceSpec) -> None:
        from guardian.probes.notify import NotifySocket

        if spec.name in self._sockets:
            return
        path = self._project.short(f"notify-{spec.name}")
        try:
            self._sockets[spec.name] = NotifySocket(path, lambda told: self._noted(spec.name, told))
        except GuardianError as error:
            self._complain(f"{spec.name}: {error}")

    def _noted(self, name: str, told: Told) -> None:
        """Take a notification in, if it comes from the service's own tree."""
        life = self._memory().life(name)
        tree = self._trees.by_id.get(f"{name}:{life.generation}")
        if tree is None or (told.ready or told.alive) is False:
            return
        if told.pid and told.pid not in {proc.pid for proc in tree.kin.everybody()}:
            self._complain(f"{name}: process {told.pid}, which is none of its own, notified in its name")
            return
        self._tell_news(life, told.status or "notified")

    # its files

    def _watch_files(self) -> None:
        wanted = {name: spec for name, spec in self._specs.items() if spec.watch}
        if not wanted and self._files is None:
            return
        from guardian.probes.files import FileWatch

        def changed(name: str, paths: tuple[str, ...]) -> None:
            self._tell(events.FilesChanged(name, paths))

        self._files = self._files or FileWatch(changed, lambda name, why: self._complain(f"{name}: {why}"))
        before, files = self._watching, self._files
        self._watched = {name: self._same_or_new(spec) for name, spec in wanted.items()}
        todo = {name: watched for name, (_, watched) in self._watched.items()}

        async def watch() -> None:
            if before is not None:
                await before
            await files.watch(todo)

        self._watching = self._loop.create_task(watch())

    def _same_or_new(self, spec: ServiceSpec) -> tuple[ServiceSpec, Watched]:
        """Return what is to be watched for a service: the same as before while it is configured the same."""
        from guardian.probes.folders import Watched

        known = self._watched.get(spec.name)
        if known is not None and known[0] == spec:
            return known
        base, root = folder_of(spec, self._project.root), self._project.root
        logs = {key: os.path.join(root, getattr(spec, key)) for key in ("log_file", "error_file")}
        own = {
            key: os.path.relpath(path, base) for key, path in logs.items() if path != os.path.join(root, "")
        }
        seen = spec.replace(**own)
        return spec, Watched(base, lambda path: watching.ignored(seen, path))

    async def close(self) -> None:
        """Look and listen no longer."""
        for task in list(self._looks.values()):
            task.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)
        if self._looker is not None:
            await self._looker.close()
        for notes in self._sockets.values():
            notes.close()
        if self._watching is not None:
            await self._watching
        if self._files is not None:
            await self._files.close()


def _checks(spec: ServiceSpec | None) -> list[HealthSpec]:
    return [check for check in (spec.ready, spec.health) if check is not None] if spec else []


def _notifies(spec: ServiceSpec | None) -> bool:
    return any(check.type == "notify" for check in _checks(spec))


def _prints(spec: ServiceSpec) -> bool:
    return any(check.type == "output" for check in _checks(spec))
