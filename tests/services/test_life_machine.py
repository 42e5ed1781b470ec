"""One life in a world in which anything may happen, in any order, at any time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from service_world import service

from guardian.actions import Kind, Reason
from guardian.procs.model import ProcId
from guardian.services import events
from guardian.services.effects import AskEnd, Emit, Spawn, Topic
from guardian.services.events import Ask, Wish
from guardian.services.life import LIVE, TABLE, Sign, State, Wanted
from guardian.services.living import Life
from guardian.services.restart import JITTER, Breaker
from guardian.services.signs import TIMED, read
from guardian.services.walk import step
from guardian.services.why import NEW, Cause

ASKING = (Wish.START, Wish.STOP, Wish.KILL, Wish.RESTART)
policies = st.sampled_from([True, False, "on-failure"])
seconds = st.sampled_from([0.0, 0.05, 1.0, 5.0, 40.0])


class LifeMachine(RuleBasedStateMachine):
    """The life, and the trees that really run; what the daemon tells of trees is true, or stale."""

    @initialize(
        policy=policies,
        restarts=st.integers(0, 4),
        delay=seconds,
        stop=seconds,
        ready=seconds,
        stable=seconds,
    )
    def configure(
        self, policy: object, restarts: int, delay: float, stop: float, ready: float, stable: float
    ) -> None:
        """Begin with some service that has never run."""
        self.spec = service(
            autorestart=policy,
            max_restarts=restarts,
            restart_window=100.0,
            restart_delay=delay,
            stop_timeout=stop,
            ready_timeout=ready,
            stable_after=stable,
            watch=True,
        )
        self.now, self.life = 1000.0, Life("web")
        self.spawning: int | None = None
        self.trees: set[int] = set()
        self.leaders: set[int] = set()
        self.asked_to_end: set[int] = set()
        self.ghosts: set[int] = set()  # asked to end, and not there: the answer is that they are gone
        self.past: list[object] = []  # what was told of trees, to be told again
        self.restarts: list[float] = []

    def tell(self, event: object, chance: float = 0.5) -> None:
        """Take a step, and hold what comes of it against the rules."""
        before = self.life
        sign = read(before, self.spec, event, self.now).sign  # type: ignore[arg-type]
        turn = step(before, self.spec, event, self.now, chance=chance)  # type: ignore[arg-type]
        self.life = turn.life
        if before.state is State.FATAL and self.trees == set():
            asked = isinstance(event, events.Changed | Ask | events.Adopted)
            assert asked or (turn.effects == () and self.life == before), "FATAL acts only when asked"
        if self.life.state is State.BACKOFF and before.state is not State.BACKOFF:
            self.restarts.append(self.now)
        assert self.life == before or sign is not Sign.NOTHING
        for effect in turn.effects:
            self.perform(effect)

    def perform(self, effect: object) -> None:
        """Do what the daemon would, as far as the rules need it."""
        if isinstance(effect, Spawn):
            assert self.life.wanted is Wanted.UP, "nobody wants what is started"
            assert not self.trees, "a second generation beside the first"
            assert self.spawning is None
            self.spawning = effect.generation
            if self.life.history.breaker is Breaker.HALF_OPEN:
                self.restarts.clear()
            self.asked_to_end.clear()
        elif isinstance(effect, AskEnd):
            self.asked_to_end.add(effect.generation)
            if effect.generation not in self.trees and effect.generation != self.spawning:
                self.ghosts.add(effect.generation)
            assert not effect.force or effect.grace == 0.0 or self.life.state is State.STOPPING
        elif isinstance(effect, Emit) and effect.topic is Topic.STATE:
            assert effect.why != NEW, "a transition without a reason"

    # people and files

    @rule(wish=st.sampled_from(ASKING))
    def ask(self, wish: Wish) -> None:
        """Somebody asks."""
        self.tell(Ask(wish, ("web",), "ps"))

    @rule()
    def signal(self) -> None:
        """Somebody signals."""
        self.tell(Ask(Wish.SIGNAL, ("web",), "ps", "HUP"))

    @rule()
    def save_a_file(self) -> None:
        """Somebody saves a file."""
        self.tell(events.Changed("a.ts"))

    # the mind of all services

    @rule(start=st.booleans(), chance=st.floats(0, 1))
    def clear(self, start: bool, chance: float) -> None:
        """The way is clear, wanted or not."""
        self.tell(events.Clear(start), chance)

    @rule(good=st.booleans())
    def checked(self, good: bool) -> None:
        """A check has come to a new result."""
        self.tell(events.Well("200") if good else events.Sick("503"))

    @rule()
    def dependency_lost(self) -> None:
        """A dependency is not ready any more."""
        self.tell(events.DependencyLost("db"))

    @rule(wait=seconds)
    def time_passes(self, wait: float) -> None:
        """Nobody looks at the clock."""
        self.now += wait

    @precondition(lambda self: self.life.due is not None)
    @rule()
    def ring(self) -> None:
        """The timer rings when it is due, in the state that armed it."""
        assert self.life.due is not None
        assert self.life.state in TIMED
        self.now = max(self.now, self.life.due)
        self.tell(events.Due())
        if self.life.state is not State.STOPPING:
            assert self.life.due is None or self.life.since == self.now

    @rule()
    def ring_too_early(self) -> None:
        """A timer that is not due, or that nobody armed, changes nothing."""
        if self.life.due is None or self.life.due > self.now:
            before = self.life
            self.tell(events.Due())
            assert self.life == before

    # the trees

    @precondition(lambda self: self.spawning is not None)
    @rule(works=st.booleans(), final=st.booleans())
    def spawn(self, works: bool, final: bool) -> None:
        """What was to be started runs, or does not."""
        assert self.spawning is not None
        generation, self.spawning = self.spawning, None
        if works:
            self.trees.add(generation)
            self.leaders.add(generation)
            self.of_tree(events.Spawned("web", generation, ProcId(generation, generation)))
        else:
            self.of_tree(events.SpawnFailed("web", generation, "no", final))

    @precondition(lambda self: self.leaders)
    @rule(data=st.data(), code=st.sampled_from([0, 1, None]))
    def leader_ends(self, data: st.DataObject, code: int | None) -> None:
        """A leader ends, others of its tree go on."""
        generation = data.draw(st.sampled_from(sorted(self.leaders)))
        self.leaders.discard(generation)
        self.of_tree(events.Ended("web", generation, code))

    @precondition(lambda self: self.trees)
    @rule(data=st.data())
    def tree_gone(self, data: st.DataObject) -> None:
        """The whole of a tree is gone, asked or not."""
        generation = data.draw(st.sampled_from(sorted(self.trees)))
        self.trees.discard(generation)
        self.leaders.discard(generation)
        wanted = self.life.wanted
        current = generation == self.life.generation
        self.of_tree(events.TreeGone("web", generation))
        if current and wanted is Wanted.DOWN:
            assert self.life.state is State.STOPPED, "a stop ends in STOPPED"

    @precondition(lambda self: self.life.live)
    @rule()
    def over_limit(self) -> None:
        """The tree takes too much."""
        reason = Reason("web", Kind.MEMORY, 2.0, 1.0)
        self.of_tree(events.OverLimit("web", self.life.generation, reason))

    @precondition(lambda self: self.life.live)
    @rule()
    def stuck(self) -> None:
        """Somebody in it cannot be ended."""
        self.of_tree(events.TreeStuck("web", self.life.generation, "42 in state D"))

    @rule(ahead=st.integers(1, 3), well=st.booleans())
    def found(self, ahead: int, well: bool) -> None:
        """A tree is found that nobody knew of."""
        if self.spawning is None:
            generation = self.life.generation + ahead
            self.trees.add(generation)
            self.of_tree(events.Adopted("web", generation, ProcId(generation, 1), well))

    @precondition(lambda self: self.ghosts)
    @rule()
    def nothing_to_end(self) -> None:
        """The end of a tree that is not there is answered as that of any other."""
        self.tell(events.TreeGone("web", self.ghosts.pop()))

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def told_again(self, data: st.DataObject) -> None:
        """What is told of a generation that is over changes nothing; that one runs again, ends it."""
        event = data.draw(st.sampled_from(self.past))
        if event.generation >= self.life.generation or event.generation in self.trees | self.ghosts:
            return
        before = self.life
        self.tell(event)
        if isinstance(event, events.Spawned | events.Adopted):
            assert event.generation in self.ghosts
            assert self.life.replace(strays=before.strays) == before
        else:
            assert self.life == before

    def of_tree(self, event: object) -> None:
        """Tell of a tree, and keep it to be told again."""
        self.past.append(event)
        self.tell(event)

    # what holds at any time

    @invariant()
    def every_tree_is_known(self) -> None:
        """What runs is the present generation, or is being ended (P1)."""
        if not hasattr(self, "life"):
            return
        present = {self.life.generation} if self.life.live else set()
        assert self.trees <= present | self.asked_to_end

    @invariant()
    def nothing_runs_at_rest(self) -> None:
        """In a state in which nothing runs, nothing of the present generation does (P1)."""
        if hasattr(self, "life") and self.life.state not in LIVE:
            assert self.life.generation not in self.trees
            assert self.spawning is None

    @invariant()
    def at_most_one_timer_that_belongs_to_the_state(self) -> None:
        """A timer stands only in a state that arms one."""
        if hasattr(self, "life"):
            assert self.life.due is None or self.life.state in TIMED

    @invariant()
    def fatal_has_its_reason(self) -> None:
        """FATAL says why (P8)."""
        if hasattr(self, "life") and self.life.state is State.FATAL:
            never = (Cause.NOT_EXECUTABLE, Cause.NOT_SPAWNED)
            assert self.life.why.cause in (Cause.TOO_OFTEN, Cause.TRIAL, *never)
            assert self.life.history.breaker is Breaker.OPEN

    @invariant()
    def no_more_restarts_than_allowed(self) -> None:
        """Within any window at most max_restarts restarts come that nobody asked for, slow crashes too."""
        if hasattr(self, "life") and self.spec.max_restarts:
            since = self.now - self.spec.restart_window
            assert len([at for at in self.restarts if at > since]) <= self.spec.max_restarts

    @invariant()
    def delays_keep_their_bounds(self) -> None:
        """The delay of a restart is between the jitter's share of it and its cap."""
        if hasattr(self, "life") and self.life.state is State.BACKOFF and self.life.due is not None:
            delay = self.life.due - self.life.since
            assert -1e-6 <= delay <= self.spec.max_restart_delay
            if self.life.history.attempt == 1:
                assert delay >= self.spec.restart_delay * (1 - JITTER) - 1e-6


TestLife = LifeMachine.TestCase
TestLife.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_the_states_with_timers_are_in_the_table() -> None:
    """A ringing timer is a sign in every state, and does something where there is one."""
    for state in TIMED:
        move = TABLE[state][Sign.DUE]
        assert move.to is not None or move.does or state is State.BACKOFF
