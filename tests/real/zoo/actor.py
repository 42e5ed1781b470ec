"""The one program of the zoo, in three roles, so that all of them have the same command line.

`actor.py FAMILY.BEHAVIOUR limit|exit` is the victim, unless ZOO_ROLE says `bystander` or `agent`
(bystanders.py): whoever picks processes by their command line picks the wrong ones.
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../..")  # -I leaves no path at all


def main(name: str, mode: str) -> None:
    """Play the role that the environment names."""
    role = os.environ.pop("ZOO_ROLE", "")
    if role:
        from tests.real.zoo import bystanders

        bystanders.ROLES[role]()
    from tests.real.zoo import behaviour, cage

    one = behaviour.load(name)
    cage.enter(mode, roomy=one.roomy)
    one.act()
    cage.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
