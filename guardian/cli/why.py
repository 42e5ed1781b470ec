"""`guardian why`: the receipt of an intervention, or the last that happened to a service, in prose."""

from __future__ import annotations

import json
import time

from guardian.cli.records import open_journal
from guardian.config.load import load_settings
from guardian.effects.receipts import Receipt, prose, read_receipt
from guardian.procs.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guardian.effects.journal import Journal

NOTHING = 1


def receipts(journal: Journal) -> Iterator[Receipt]:
    """Return the receipts of a journal, the newest first."""
    for record in journal.read():
        receipt = receipt_in(record)
        if receipt is not None:
            yield receipt


def receipt_in(record: Mapping[str, object]) -> Receipt | None:
    """Return the receipt that a record holds, if it holds one."""
    found = record.get("receipt")
    return read_receipt(found) if isinstance(found, dict) else None


def concerns(receipt: Receipt, which: str) -> bool:
    """Whether a receipt is the one that `which`, an id or a pid, asks for; any when it is empty."""
    if not which or receipt.id == which:
        return True
    return which.isdigit() and int(which) in {receipt.pid, *(member.pid for member in receipt.members)}


def tell(which: str, *, as_json: bool) -> int:
    """Print one receipt, or how a service came to be as it is; exit 1 when there is neither: `null`."""
    journal = open_journal(load_settings().journal)
    found = next((each for each in receipts(journal) if concerns(each, which)), None)
    if found is None and which and _tell_service(journal, which, as_json=as_json):
        return 0
    if found is None:
        about = f" about {printable(which)}" if which else ""
        print("null" if as_json else f"no intervention{about} is in the journal {journal.path}")
        return NOTHING
    print(json.dumps(found.record(), ensure_ascii=True) if as_json else dated(found))
    return 0


def dated(receipt: Receipt) -> str:
    """Tell a receipt in sentences."""
    return prose(receipt, when=time.strftime("%Y-%m-%d at %H:%M:%S", time.localtime(receipt.at)))


def _tell_service(journal: Journal, name: str, *, as_json: bool) -> bool:
    """Print what happened to a service; whether anything is known of it."""
    from guardian.cli.why_service import past_of, story  # late: receipts of runs need none of it

    past = past_of(journal, name)
    if not past.events:
        return False
    print(json.dumps(past.record(), ensure_ascii=True) if as_json else "\n".join(story(past)))
    return True
