"""From an uploaded file to one that is kept: examined, scanned, stored, in this order and outside any transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from portal.evidence.scanning import Verdict, scan
from portal.evidence.sniffing import Sniffed, sniff
from portal.faults import Invalid
from portal.storage import Storage, new_key

INFECTED = (
    "The malware scanner found something harmful in this file, so it was not kept. "
    "Check the computer that it came from."
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in storage under ``key`` that no row names yet: whoever does not write one deletes it again.

    "" where the same bytes were kept already.
    """

    key: str
    file: Sniffed
    scan: str
    scanned_at: datetime | None


class Infected(Invalid):
    """The scanner has found something; ``file`` and ``verdict`` say what, for the record."""

    def __init__(self, file: Sniffed, verdict: Verdict) -> None:
        super().__init__(errors={"file": INFECTED})
        self.file, self.verdict = file, verdict


def keep(
    storage: Storage,
    scanner: str,
    file: IO[bytes],
    sent_name: str | None,
    *,
    now: datetime,
    held: Callable[[Sniffed], bool] | None = None,
) -> Stored:
    """Examine, scan and store a file. Raises Invalid (field ``file``), Infected, Unavailable; then nothing is kept.

    ``held``: whether the same bytes are kept already; then they are not stored once more, and the key is "".
    """
    found = sniff(file, sent_name)
    verdict = scan(scanner, file)
    if verdict.scan == "infected":
        raise Infected(found, verdict)
    key = "" if held is not None and held(found) else new_key()
    if key:
        file.seek(0)
        storage.put(key, file)
    return Stored(key, found, verdict.scan, now if verdict.scan == "clean" else None)
