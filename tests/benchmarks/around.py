"""What gathers around ten thousand vendors: dates, findings, exceptions, incidents, documents that end, letters.

Rows by bulk insert on SQLite, in codes and days that the pages count, list and sort; nothing is worked out from them.
Whose each row is comes from the stored vendors: organisation, company, engagement, assessment, submission.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from portal.outbox import DIGEST

FINDINGS = 2  # of each vendor
LETTERS = 30  # to a person of each vendor; the first DIGESTS of them with two lines, the others alone
DIGESTS = 25
TENTH = 10  # vendors for each exception, incident and trigger
GONE = 50  # letters for each that was given up, and for each that was dropped
AT_ONCE = 5000
STEPS = ("before-30", "before-7", "on-the-day", "after-7")


@dataclass(frozen=True)
class Stored:
    """One vendor as the database holds it: hexadecimal ids, and the number that it has here."""

    number: int
    organisation: str
    company: str
    vendor: str
    engagement: str
    assessment: str
    submission: str
    person: str
    author: str
    content_hash: str
    slug: str
    key: str


Row = dict[str, Any]


def stored(connection: sqlite3.Connection) -> list[Stored]:
    """Every vendor with its newest things."""
    connection.row_factory = None
    rows = connection.execute(
        "SELECT v.organisation_id, v.company_id, v.id, g.id, a.id, s.id, min(m.person_id), a.issued_by,"
        " a.content_hash, a.slug,"
        " (SELECT min(key) FROM sealed_answer x WHERE x.submission_id = s.id) FROM vendor v"
        " JOIN engagement g ON g.vendor_id = v.id"
        " JOIN assessment a ON a.vendor_id = v.id JOIN submission s ON s.assessment_id = a.id"
        " JOIN company_member m ON m.company_id = v.company_id AND m.role = 'owner' GROUP BY v.id ORDER BY v.name_key"
    ).fetchall()
    return [Stored(number, *row) for number, row in enumerate(rows)]


def add(connection: sqlite3.Connection, now: datetime) -> None:
    """Everything that this file makes, in one transaction a table."""
    vendors = stored(connection)
    for table, rows in (
        ("reassessment", _dates(vendors, now)),
        ("finding", _findings(vendors, now)),
        ("finding_engagement", _findings_of(vendors)),
        ("risk_exception", _exceptions(vendors, now)),
        ("incident", _incidents(vendors, now)),
        ("trigger", _triggers(vendors, now)),
        ("evidence", _documents(vendors, now)),
        ("evidence_term", _terms(vendors, now)),
        ("message", _letters(vendors, now)),
        ("reminder_step", _steps(vendors, now)),
        ("reminder", _reminders(vendors, now)),
    ):
        put(connection, table, rows)


def put(connection: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    """Insert ``rows``; each holds the same columns, and what it leaves out is empty or has its default."""
    waiting = iter(rows)
    connection.execute("BEGIN IMMEDIATE")
    while some := list(islice(waiting, AT_ONCE)):
        names = list(some[0])
        columns, values = ", ".join(f'"{one}"' for one in names), ", ".join(f":{one}" for one in names)
        connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({values})", some)
    connection.execute("COMMIT")


def _id(what: str, *of: object) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, ":".join(map(str, (what, *of)))).hex


def _day(now: datetime, days: int) -> str:
    return (now.date() + timedelta(days=days)).isoformat()


def _at(now: datetime, **ago: float) -> str:
    return (now - timedelta(**ago)).strftime("%Y-%m-%d %H:%M:%S.%f")


def _whose(one: Stored) -> Row:
    return {"organisation_id": one.organisation, "company_id": one.company}


def _dates(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    """The next assessment of each: one in twelve late, the others within a year."""
    for one in vendors:
        yield _whose(one) | {
            "id": _id("date", one.vendor), "engagement_id": one.engagement, "submission_id": one.submission,
            "slug": one.slug, "tier": "high", "anchor": _day(now, one.number % 365 - 395), "months": 12,
            "due": _day(now, one.number % 395 - 30), "zone": "Europe/Lisbon", "state": "scheduled",
            "hindered": "no_contact" if one.number % 40 == 0 else "", "hindered_on": _day(now, -1),
        }  # fmt: skip


def _findings(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one in vendors:
        for turn in range(FINDINGS):
            closed = (one.number + turn) % 3 == 0
            severity = ("low", "medium", "high", "critical")[(one.number + turn) % 4]
            yield _whose(one) | {
                "id": _id("finding", one.vendor, turn), "vendor_id": one.vendor, "assessment_id": one.assessment,
                "submission_id": one.submission, "content_hash": one.content_hash, "slug": one.slug,
                "key": one.key, "code": "knockout", "severity": severity, "worst": severity,
                "called_for": True, "uncalled": "", "state": "closed" if closed else "open", "waits": "",
                "due": _day(now, one.number % 120 - 30), "first_due": _day(now, one.number % 120 - 30),
                "opened": _day(now, -60), "opened_at": _at(now, days=60, seconds=one.number),
                "closed_at": _at(now, days=5) if closed else None, "closed_how": "fixed" if closed else "",
                "revision": 1,
            }  # fmt: skip


def _findings_of(vendors: list[Stored]) -> Iterator[Row]:
    for one in vendors:
        for turn in range(FINDINGS):
            yield _whose(one) | {
                "finding_id": _id("finding", one.vendor, turn), "engagement_id": one.engagement,
                "submission_id": one.submission, "called_for": True, "uncalled": "",
            }  # fmt: skip


def _exceptions(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one in vendors[::TENTH]:
        yield {
            "id": _id("exception", one.vendor), "organisation_id": one.organisation,
            "engagement_id": one.engagement, "code": "knockout", "subject": one.key, "measure": 1, "tier": "high",
            "until": _day(now, one.number // TENTH % 90), "reason": "Until the next release.",
            "state": "approved", "proposed_by": one.author, "proposed_at": _at(now, days=30),
            "settled_by": one.author, "settled_at": _at(now, days=29),
        }  # fmt: skip


def _incidents(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one in vendors[::TENTH]:
        closed = one.number // TENTH % 3 == 0
        yield _whose(one) | {
            "id": _id("incident", one.vendor), "vendor_id": one.vendor, "side": "organisation",
            "kind": "breach", "happened": _day(now, -9), "known": _day(now, -8), "said": 0,
            "state": "settled" if closed else "open", "opened_at": _at(now, days=8, seconds=one.number),
            "opened_by": one.author, "settled_at": _at(now, days=1) if closed else None,
        }  # fmt: skip


def _triggers(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one in vendors[5::TENTH]:
        yield {
            "id": _id("trigger", one.vendor), "organisation_id": one.organisation,
            "engagement_id": one.engagement, "slug": one.slug, "kind": "tier", "subject_id": one.engagement,
            "basis": "", "at": _at(now, days=3, seconds=one.number), "state": "open", "code": "",
        }  # fmt: skip


def _documents(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one in vendors:
        yield {
            "id": _id("document", one.vendor), "company_id": one.company, "kind": "pentest_summary",
            "title": "Test", "expires": _day(now, one.number % 400 - 35), "filename": "test.pdf",
            "media_type": "application/pdf", "size": 1000, "sha256": "0" * 64, "scan": "clean",
            "uploaded_by": one.person, "uploaded_at": _at(now, days=40),
        }  # fmt: skip


def _terms(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one in vendors:
        yield _whose(one) | {
            "submission_id": one.submission, "key": one.key, "evidence_id": _id("document", one.vendor),
            "kind": "pentest_summary", "until": _day(now, one.number % 400 - 35), "best": True,
            "sealed_at": _at(now, days=40),
        }  # fmt: skip


def _letters(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for turn in range(LETTERS):
        digest = turn < DIGESTS
        for one in vendors:
            number = one.number * LETTERS + turn
            state = {0: "gave_up", 1: "dropped", 2: "queued" if turn == LETTERS - 1 else "sent"}
            at = _at(now, days=(LETTERS - turn) * 12, seconds=one.number)
            yield {
                "id": _letter(one, turn), "organisation_id": None if digest else one.organisation,
                "company_id": None, "kind": DIGEST if digest else "reminder_alone",
                "recipient": f"owner-{one.number}@vendor.example", "recipient_name": f"Owner {one.number}",
                "sender_name": "", "subject": "" if digest else "What is late", "text": "", "html": "",
                "secret": False, "state": state.get(number % GONE, "sent"), "created_at": at, "due_at": at,
                "attempts": 1, "fence": 1, "sent_at": at, "last_error": "", "person_id": one.person,
                "ready": False,
            }  # fmt: skip


def _letter(one: Stored, turn: int) -> str:
    return _id("letter", one.vendor, turn)


def _told(vendors: list[Stored], now: datetime) -> Iterator[tuple[Stored, Row, str, int]]:
    """(vendor, what a step and its reminder share, the letter, days ago): two lines a digest, one of each other."""
    for one in vendors:
        for turn in range(LETTERS):
            for line in range(2 if turn < DIGESTS else 1):
                days = (LETTERS - turn) * 12
                shared = _whose(one) | {
                    "subject_id": one.assessment, "kind": "assessment", "step": STEPS[(turn + 2 * line) % 4],
                    "due": _day(now, turn - 400),
                }  # fmt: skip
                yield one, shared, _letter(one, turn), days


def _steps(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one, shared, _letter_id, days in _told(vendors, now):
        key = _id("step", one.vendor, shared["step"], shared["due"])
        yield shared | {
            "id": key,
            "day": _day(now, -days),
            "at": _at(now, days=days),
            "people": 1,
            "skipped": "",
        }


def _reminders(vendors: list[Stored], now: datetime) -> Iterator[Row]:
    for one, shared, letter, days in _told(vendors, now):
        key = _id("reminder", one.vendor, shared["step"], shared["due"])
        yield shared | {
            "id": key, "person_id": one.person, "message_id": letter, "queued_at": _at(now, days=days),
        }  # fmt: skip
