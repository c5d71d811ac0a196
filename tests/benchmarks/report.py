"""A report of sixty pages as a PDF: how long it takes, and that it really has sixty."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from flask import Flask
from flask_babel import Babel
from pypdf import PdfReader

from portal.reports import pdf
from portal.reports.model import Break, Document, Facts, Heading, Para, Range, State, Table, Zone
from tests.benchmarks.measuring import Figure, in_turns

BAR = 2.0  # seconds
PAGES = 60
HEAD = ("Question", "Answer", "Points", "Of the 100", "Counts", "Open", "Lost")
BANDS = (Zone("strong", "Strong", 85, 4), Zone("sound", "Sound", 70, 3), Zone("weak", "Weak", 0, 1))


def figures() -> list[Figure]:
    """The PDF of a vendor with seven questionnaires of 139 questions each."""
    document = report()
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        count = len(PdfReader(io.BytesIO(pdf.as_pdf(document))).pages)
        if count < PAGES:
            raise AssertionError(f"the report has only {count} pages")
        (taken,) = in_turns(lambda: pdf.as_pdf(document), repeats=3)
    return [Figure(f"report: a PDF of {count} pages", taken, 0, BAR, ratio=False)]


def report() -> Document:
    """Texts as long as those of shipped questionnaires; every cell is another."""
    blocks: list[object] = [Heading(1, "For management"), Para("One engagement may go ahead.", "lead")]
    for part in range(1, 8):
        blocks += [
            Break(),
            Heading(1, f"Questionnaire {part}", str(part)),
            Range("Score", BANDS, "61.20", "84.05", "weak"),
        ]
        blocks += [Facts((("As of", "21 Nov 2026"), ("Signed by", f"Person {part}")))]
        blocks += [Heading(2, "Every question that counts", f"{part}.1"), _trace(part)]
        blocks += [Heading(2, "Grounds", f"{part}.2"), _grounds(part)]
    return Document(
        "vendor_report",
        "Vendor risk report",
        "A vendor",
        datetime(2026, 11, 21, tzinfo=UTC),
        "A house",
        "UTC",
        (("Vendor", "1"),),
        tuple(blocks),  # type: ignore[arg-type]
    )


def _trace(part: int) -> Table:
    rows = tuple(
        (
            f"{part}.{at} Do you review which people have access to the systems in scope number {at}, and how often?",
            f"Yes, every {at % 12 + 1} months, by whoever owns system {part}-{at}; what is not needed goes at once.",
            "100" if at % 3 else "0 to 100",
            "0.72",
            "0.48",
            "0.12",
            "0.12",
        )
        for at in range(1, 140)
    )
    return Table(
        "The trace",
        HEAD,
        rows,
        frozenset({2, 3, 4, 5, 6}),
        ("Together", "", "", "100.00") + ("",) * 3,
        (32, 28, 9, 9, 8, 7, 7),
    )


def _grounds(part: int) -> Table:
    rows = tuple(
        (f"Ground {part}.{at}", f"On record since day {at}", "The policy asks", State("good", "Met"))
        for at in range(20)
    )
    return Table("Grounds", ("Ground", "On record", "Policy", "Result"), rows)
