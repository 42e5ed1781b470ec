"""Which changes of files restart a service, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import service

from guardian.services.watching import LONGEST, Stir, counts, stirred

SEED = service(
    watch=True,
    watch_paths=("src/**/*.ts", "config/**/*.json", "public"),
    ignore_watch=("logs/**", "**/*.log", "dist", "src/generated/**"),
    watch_debounce=1.0,
)
ALL = service(watch=True)

# service, path → whether a change there restarts it
PATHS = [
    (SEED, "src/a.ts", True),
    (SEED, "src/deep/er/a.ts", True),
    (SEED, "./src/a.ts", True),
    (SEED, "src/a.tsx", False),
    (SEED, "other/a.ts", False),
    (SEED, "srcs/a.ts", False),
    (SEED, "public/logo.png", True),
    (SEED, "public", True),
    (SEED, "publicity", False),
    (SEED, "config/x.json", True),
    (SEED, "config/x.log", False),
    (SEED, "public/x.log", False),
    (SEED, "public/dist/x", False),
    (SEED, "src/generated/a.ts", False),
    (SEED, "src/node_modules/x/a.ts", False),
    (SEED, "src/.a.ts.swp", False),
    (SEED, "src/a.ts~", False),
    (SEED, "src/4913", False),
    (ALL, "anything", True),
    (ALL, "deep/er/\N{SNOWMAN}\n", True),
    (ALL, ".git/index", False),
    (ALL, "deep/.git/index", False),
    (ALL, ".guardian/state", False),
    (ALL, "a/__pycache__/x.pyc", False),
    (service(watch=False), "a", False),
    (service(watch=True, watch_paths=("*.py",)), "a.py", True),
    (service(watch=True, watch_paths=("*.py",)), "a/b.py", False),
    (service(watch=True, ignore_watch=("*.tmp",)), "a/b.tmp", False),
    (service(watch=True, ignore_watch=("/b.tmp",)), "b.tmp", False),
    (service(watch=True, ignore_watch=("/b.tmp",)), "a/b.tmp", True),
    (service(watch=True, watch_paths=("../shared/**",)), "../shared/x", True),
    (service(watch=True, watch_paths=("v[0-9]",)), "v1", True),
    (service(watch=True, watch_paths=("v[!0-9]",)), "v1", False),
    (service(watch=True, watch_paths=("v[!0-9]",)), "v/", False),
    (service(watch=True, watch_paths=("v[z-a]",)), "vb", False),
    (service(watch=True, watch_paths=("v[0",)), "v[0", True),
    (service(watch=True, watch_paths=("a.b",)), "axb", False),
    (service(watch=True, log_file="out.log"), "out.log", False),
    (service(watch=True, log_file="./logs/[web].log"), "logs/[web].log.1", False),
    (service(watch=True, log_file="logs/web.log", error_file="logs/err.log"), "logs/err.log", False),
]


@pytest.mark.parametrize(("spec", "path", "counting"), PATHS)
def test_paths(spec: object, path: str, counting: bool) -> None:
    """Globs choose, ignores and what a service writes itself do not count."""
    assert counts(spec, path) is counting  # type: ignore[arg-type]


def test_a_save_storm_is_one_restart() -> None:
    """Fifty saves within the debounce are one stir, that is over when it has been quiet."""
    stir = None
    for n in range(50):
        stir = stirred(SEED, stir, (f"src/{n}.ts",), 100.0 + n / 100)
    assert stir == Stir(100.0, 101.49, 50, "src/0.ts")
    assert str(stir) == "src/0.ts and 49 more"


def test_changes_that_do_not_count_neither_begin_nor_lengthen_a_stir() -> None:
    """A log that is written all the time does not put the restart off."""
    assert stirred(SEED, None, ("logs/a.log",), 100.0) is None
    stir = stirred(SEED, None, ("src/a.ts",), 100.0)
    assert stirred(SEED, stir, ("logs/a.log",), 100.9) == stir


def test_changes_without_end_do_not_put_the_restart_off_for_ever() -> None:
    """After ten debounces the restart comes in the middle of the storm."""
    stir, now = stirred(SEED, None, ("src/a.ts",), 100.0), 100.0
    while stir is not None and now < stir.due:
        now += 0.5
        stir = stirred(SEED, stir, ("src/a.ts",), now)
    assert now == 100.0 + LONGEST * SEED.watch_debounce


@given(glob=st.text(alphabet="ab/*?[]!-^\\.", max_size=12), path=st.text(alphabet="ab/.[-^\\", max_size=12))
def test_every_text_is_a_glob(glob: str, path: str) -> None:
    """Nothing that somebody writes as a glob makes watching fail (P10)."""
    spec = service(watch=True, watch_paths=(glob,), ignore_watch=(glob,))
    assert counts(spec, path) in (True, False)


@given(path=st.lists(st.text(alphabet="abc.", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join))
def test_two_stars_fit_everything_below(path: str) -> None:
    """`src/**` fits whatever lies below src and nothing beside it."""
    spec = service(watch=True, watch_paths=("src/**",))
    assert counts(spec, f"src/{path}")
    assert not counts(spec, f"lib/{path}")
