"""What the demonstration takes from the sample answers: three vendors, their days, documents and answers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal import clock
from portal.assessments.drafts import Content
from portal.evidence import uploads
from portal.evidence.kinds import evidence_name
from portal.evidence.service import Described
from portal.evidence.uploads import Stored
from portal.settings import Settings
from portal.storage import open_storage
from questionnaires import catalog
from questionnaires.dates import parse_date
from questionnaires.definition import Question

AWAITED = "exit.insurance"
PROMISE = "The insurer sends the new certificate. We pass it on when it is here."
PROMISED_IN = 30  # days
Papers = Mapping[tuple[str, str], list[tuple[Stored, Described]]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A vendor of the demonstration. Days are counted back from the first start.

    ``issued``, ``answered`` and ``submitted``: when it was asked, when it began, when it signed security_core.
    """

    sample: str
    name: str
    engagement: str
    owner: tuple[str, str]
    signs_as: str
    known: int
    issued: int
    answered: int
    submitted: int
    within: int
    reason: str


# Submitted so lately that no document of the samples is younger than the submission.
FENNMARK = Sample(
    "fennmark_archive",
    "Fennmark Archive",
    "Claims document archive",
    ("Tomasz Wilk", "tomasz.wilk@fennmark.example"),
    "Compliance manager",
    known=72,
    issued=40,
    answered=31,
    submitted=8,
    within=35,
    reason="Claim files contain health data, and our rules ask for a review before the contract renews.",
)
NORRSUND = Sample(
    "norrsund_pay",
    "Norrsund Pay",
    "Payroll",
    ("Jonas Ek", "jonas.ek@norrsund.example"),
    "Head of operations",
    known=58,
    issued=33,
    answered=24,
    submitted=2,
    within=32,
    reason="You see the pay and the sick days of everybody here, so we ask before the contract is signed.",
)
BRAE = Sample(
    "brae_language",
    "Brae Language",
    "Translation",
    ("Morag Brae", "morag@brae.example"),
    "Owner",
    known=47,
    issued=26,
    answered=12,
    submitted=5,
    within=28,
    reason="You translate letters from doctors. We have to know how they are kept before we send more.",
)
SAMPLES = (FENNMARK, NORRSUND, BRAE)


class Calendar:
    """Moments of the working day in the organisation's zone, counted from the demonstration's first start."""

    def __init__(self, now: datetime, zone: str) -> None:
        self.now, self.zone = now, zone
        self.today = clock.local_date(now, zone)

    def ago(self, days: int, minutes: int = 0) -> datetime:
        """Ten in the morning so many days ago, and ``minutes`` more."""
        morning = datetime.combine(self.today - timedelta(days=days), time(10), ZoneInfo(self.zone))
        return clock.instant(morning.timestamp()) + timedelta(minutes=minutes)

    def moved(self, written: date, as_of: date) -> date:
        """A date of a sample, as far from today as it was from the day on which the sample was written."""
        return written + (self.today - as_of)


# ------------------------------------------------------------------------------------------------------ documents


def papers(found: Settings, calendar: Calendar) -> Papers:
    """A small invented file for each document that a sample names, stored already (law 2); by sample and question."""
    storage = open_storage(found)
    kept: dict[tuple[str, str], list[tuple[Stored, Described]]] = {}
    for one in SAMPLES:
        raw: Any = catalog.sample(one.sample)
        as_of = date.fromisoformat(raw["as_of"])
        for key, answer in raw["answers"].items():
            for item in answer.get("evidence", ()):
                described = _described(item, calendar, as_of)
                assert described.issued is not None
                name = f"{item['kind'].replace('_', '-')}-{described.issued}.pdf"
                lines = (
                    described.title,
                    one.name,
                    f"Issued on {described.issued}.",
                    "Invented for this demonstration.",
                )
                file = io.BytesIO(small_pdf(lines))
                stored = uploads.keep(storage, found.scanner, file, name, now=calendar.ago(one.submitted))
                kept.setdefault((one.sample, key), []).append((stored, described))
    return kept


def _described(item: Mapping[str, str], calendar: Calendar, as_of: date) -> Described:
    issued, expires = (
        calendar.moved(date.fromisoformat(item[name]), as_of) if name in item else None
        for name in ("issued", "expires")
    )
    title = evidence_name(item["kind"])
    return Described(item["kind"], title[:1].upper() + title[1:], issued, expires)


def small_pdf(lines: Iterable[str]) -> bytes:
    """One page with a few lines of text."""
    written = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    text = "BT /F1 14 Tf 20 TL 72 760 Td " + " ".join(f"({line}) Tj T*" for line in written) + " ET"
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        "/Resources << /Font << /F1 4 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
    ]
    out, places = "%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out += f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}"
    out += f"trailer\n<< /Size {len(parts) + 1} /Root 1 0 R >>\nstartxref\n{out.rindex('xref')}\n%%EOF\n"
    return out.encode("latin-1")


# -------------------------------------------------------------------------------------------- facts and answers


def facts_of(one: Sample) -> dict[str, Any]:
    """What procurement knows of the engagement, as the sample states it."""
    raw: Any = catalog.sample(one.sample)
    facts: dict[str, Any] = raw["facts"]
    return facts


def content(question: Question, said: Mapping[str, Any], calendar: Calendar, as_of: date) -> Content:
    """One answer of a sample, written on ``as_of``; its dates moved."""
    value: Any = said.get("value")
    if question.type == "date":
        value = _moved(value, calendar, as_of)
    elif question.type == "table":
        dates = {column.key for column in question.columns if column.type == "date"}
        value = [
            {name: _moved(text, calendar, as_of) if name in dates else text for name, text in row.items()}
            for row in value
        ]
    note = said.get("note", "")
    if question.key == AWAITED and said["state"] == "answered" and not said.get("evidence"):
        day = calendar.today + timedelta(days=PROMISED_IN)
        return Content(said["state"], value, note, PROMISE, day.isoformat())
    return Content(said["state"], value, note)


def _moved(text: str, calendar: Calendar, as_of: date) -> str:
    found = parse_date(text)
    return text if found is None else calendar.moved(found, as_of).isoformat()
