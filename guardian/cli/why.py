"""`guardian why`: the receipt of an intervention, in prose."""

from __future__ import annotations

import json
import time

from guardian.cli.records import open_journal
from guardian.config.load import load_settings
from guardian.effects.receipts import Receipt, prose, read_receipt
from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.effects.journal import Journal

NOTHING = 1


def receipts(journal: Journal) -> Iterator[Receipt]:
    """Return the receipts of a journal, the newest first."""
    for record in journal.read():
        found = record.get("receipt")
        receipt = read_receipt(found) if isinstance(found, dict) else None
        if receipt is not None:
            yield receipt


def concerns(receipt: Receipt, which: str) -> bool:
    """Whether a receipt is the one that `which`, an id or a pid, asks for; any when it is empty."""
    if not which or receipt.id == which:
        return True
    return which.isdigit() and int(which) in {receipt.pid, *(member.pid for member in receipt.members)}


def tell(which: str, *, as_json: bool) -> int:
    """Print one receipt; exit 1 when there is none, which is `null` in JSON."""
    journal = open_journal(load_settings().journal)
    found = next((each for each in receipts(journal) if concerns(each, which)), None)
    if found is None:
        about = f" about {printable(which)}" if which else ""
        print("null" if as_json else f"no intervention{about} is in the journal {journal.path}")
        return NOTHING
    if as_json:
        print(json.dumps(found.record(), ensure_ascii=True))
    else:
        when = time.strftime("%Y-%m-%d at %H:%M:%S", time.localtime(found.at))
        print(prose(found, when=when))
    return 0
