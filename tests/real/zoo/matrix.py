"""Print who survives what: `python -m tests.real.zoo.matrix [--as root|ordinary] [--only WRAPPER]…`.

One line a behaviour, one column a wrapper, as a Markdown table for the README.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.real.zoo.behaviour import Behaviour, cases
from tests.real.zoo.runner import USERS, Result, Unplayable, play
from tests.real.zoo.wrappers import ASK, GUARDIANS, PEERS, Wrapper

Case = tuple[Behaviour, str, Wrapper]
Outcome = Result | Unplayable

LEGEND = """\
A number counts the processes that outlived the wrapper; · nobody did. Where two are given, the first is for
a command that the wrapper ended, the second for one whose leader ended by itself. harmed: a bystander was
ended, stopped or signalled; untidy: no time was given to tidy up; hung: the wrapper did not come back;
?: the behaviour did not get to its act; – not played here.
"""


def cell(outcome: Outcome, one: Behaviour) -> str:
    """Render one outcome."""
    if isinstance(outcome, Unplayable):
        return "–"
    words = [str(len(outcome.survivors))] if outcome.survivors else []
    words += ["harmed"] if outcome.harmed else []
    words += ["hung"] if outcome.exit_code is None and not outcome.harmed else []
    if not outcome.acted:
        words.append("untidy" if one.honest else "?")
    return " ".join(words) or "·"


def table(outcomes: dict[Case, Outcome], wrappers: Iterable[Wrapper]) -> str:
    """Render all outcomes as a Markdown table, failures counted in the last line."""
    columns = list(wrappers)
    lines = [["behaviour", *(wrapper.name for wrapper in columns)], ["---"] * (len(columns) + 1)]
    lines += [
        [one.title, *(_cells(outcomes, one, wrapper) for wrapper in columns)]
        for one in dict.fromkeys(one for one, _, _ in outcomes)
    ]
    lines.append(["**failed**", *(_failed(outcomes, wrapper) for wrapper in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(outcomes: dict[Case, Outcome], one: Behaviour, wrapper: Wrapper) -> str:
    """Render both ways to end, or the one that there is; once when they came out alike."""
    both = [cell(outcomes[one, mode, wrapper], one) for mode in one.modes]
    return both[0] if len(set(both)) == 1 else " / ".join(both)


def _failed(outcomes: dict[Case, Outcome], wrapper: Wrapper) -> str:
    played = [o for (_, _, w), o in outcomes.items() if w == wrapper and isinstance(o, Result)]
    return f"**{sum(not (o.clean and o.acted) for o in played)} of {len(played)}**" if played else "–"


def outcome_of(case: Case, as_user: str) -> Outcome:
    """Play one case, or return why it cannot be played."""
    one, mode, wrapper = case
    try:
        return play(one, wrapper, as_user=as_user, mode=mode)
    except Unplayable as reason:
        return reason


def main() -> None:
    """Play everything that was asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as", dest="as_user", choices=USERS, default=USERS[os.geteuid() != 0])
    parser.add_argument("--only", action="append", help="part of a wrapper's name; may be given again")
    parser.add_argument("--behaviour", default="", help="part of a behaviour's name")
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1))
    parser.add_argument(
        "--details", action="store_true", help="tell on stderr who survived and who was harmed"
    )
    asked = parser.parse_args()
    known = (*GUARDIANS.values(), ASK, *PEERS)
    wrappers = [w for w in known if not asked.only or any(part in w.name for part in asked.only)]
    todo = [(one, mode, w) for one, mode in cases() if asked.behaviour in one.name for w in wrappers]
    with ThreadPoolExecutor(asked.jobs) as pool:
        outcomes = dict(zip(todo, pool.map(lambda case: outcome_of(case, asked.as_user), todo), strict=True))
    if asked.details:
        for (one, mode, wrapper), outcome in outcomes.items():
            print(f"{one.name} {mode} {wrapper.name}: {outcome!r}", file=sys.stderr)
    print(LEGEND)
    print(table(outcomes, wrappers))
    absent = {f"not played: {w.name}: {o}" for (_, _, w), o in outcomes.items() if isinstance(o, Unplayable)}
    print("\n".join(sorted(absent)), file=sys.stderr)


if __name__ == "__main__":
    main()
