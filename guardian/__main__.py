"""The command `guardian`: a few words take a light path, everything else goes to Typer.

`run` stands in front of every command and `status` in shell prompts and hooks: they import
neither Typer nor Rich (55 ms of import where a bare Python starts in 11 ms).
"""

from __future__ import annotations

import gc
import os
import sys

if not __package__:  # started as `python …/guardian`, which the daemon does with itself
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main() -> int:
    """Run the command line; return the exit code."""
    words = sys.argv[1:]
    if words[:1] == ["run"]:
        gc.disable()  # saves a millisecond of imports; a run makes no garbage before it has to judge
        from guardian.cli.run import main as run

        return run(words[1:])
    from guardian.cli.edge import at_the_edge

    if words[:1] == ["keeper"]:
        from guardian.daemon.start import keep

        return at_the_edge(lambda: keep(words[1:]))
    from guardian.cli.quick import quick

    work = quick(words)
    if work is not None:
        return at_the_edge(work)
    from guardian.cli.app import start

    return at_the_edge(lambda: start(words))


if __name__ == "__main__":
    sys.exit(main())
