"""The report on one vendor: page 1 for whoever signs, then each engagement and each submission that counts.

Everything is read with the reader's own eyes by the services of the pages, so a business owner's report speaks of their
engagements alone. Days are dates, never "in three days": equal facts give equal reports tomorrow.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.organisations import queries as organisations
from portal.reports import engagement_report, management, queries, report_queries, submission_report
from portal.reports.engagement_report import Shown
from portal.reports.model import (
    Block,
    Break,
    Bullets,
    Document,
    Facts,
    Heading,
    Para,
)
from portal.reports.queries import Report
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor

MOST_ENGAGEMENTS = 40
MOST_SUBMISSIONS = 12  # each is read whole, with its rating: some hundred answers


@dataclass(frozen=True, slots=True)
class Found:
    """What is on record: the vendor, its engagements, their submissions, and how many of both are left out.

    ``of``: whose engagements alone it speaks of, "" for all of the vendor.
    """

    vendor: Vendor
    shown: list[Shown]
    reports: list[Report]
    left_out: int
    submissions_left_out: int = 0
    of: str = ""


def vendor(session: Session, identity: Identity, vendor_id: uuid.UUID, *, now: datetime) -> Document:
    """The report as of ``now``; NotFound for a vendor that is not the reader's."""
    ours = organisations.organisation_of(session, identity)
    found = _read(session, identity, vendor_id, now)
    name, title = found.vendor.name, _("Vendor risk report")
    if found.of:
        title = _("Vendor risk report on the engagements of %(name)s", name=found.of)
    return Document(
        kind="vendor_report",
        title=str(title),
        subject=name,
        made_at=now,
        made_for=ours.name,
        zone=ours.zone,
        rests_on=tuple(_rests_on(found)),
        blocks=tuple(_blocks(found, identity)),
    )


def _read(session: Session, identity: Identity, vendor_id: uuid.UUID, now: datetime) -> Found:
    row = vendors.vendor(session, identity, vendor_id)
    engagements = sorted(vendors.engagements_of(session, identity, vendor_id), key=lambda one: one.name_key)
    some = engagements[:MOST_ENGAGEMENTS]
    shown = [engagement_report.read(session, identity, one.id, now=now) for one in some]
    counts = {uuid.UUID(each.submission) for one in shown for each in one.subject.case.facts.submitted}
    current = report_queries.places(session, identity, counts)
    reports = [
        queries.for_organisation(session, identity, one.assessment_id, one.round, steps=False)
        for one in current[:MOST_SUBMISSIONS]
    ]
    of = identity.person.name if vendors.is_narrowed(identity) else ""
    left_out = len(engagements) - len(some)
    return Found(row, shown, reports, left_out, len(current) - len(reports), of)


def _blocks(found: Found, identity: Identity) -> Iterator[Block]:
    yield from _management(found)
    yield from management.whole(found.shown)
    for at, one in enumerate(found.shown, 1):
        yield Break()
        yield from engagement_report.blocks(one, str(at))
    for at, report in enumerate(found.reports, len(found.shown) + 1):
        yield Break()
        yield from submission_report.blocks(report, str(at))
    yield Break()
    yield from _record(found, str(len(found.shown) + len(found.reports) + 1))


# ---------------------------------------------------------------------------------------------------------- management


def _management(found: Found) -> Iterator[Block]:
    """One page: how it stands, what keeps it from better, what must happen by when, who decided."""
    yield Heading(1, str(_("For management")))
    if found.vendor.offboarded_at is not None:
        yield Para(
            str(_("This vendor has been offboarded. What follows is what is still on record.")), "info"
        )
    if not found.shown:
        yield Para(str(_("Nothing that is bought from this vendor is on record yet.")), "lead")
        return
    if found.of:
        yield Para(
            str(
                _(
                    "This report speaks of the engagements alone whose business owner is %(name)s. The vendor may "
                    "have others.",
                    name=found.of,
                )
            ),
            "caution",
        )
    yield from management.blocks(found.shown)
    if found.left_out:
        yield Para(
            str(
                ngettext(
                    "One more engagement is left out; its own page shows it.",
                    "%(num)s more engagements are left out; their own pages show them.",
                    found.left_out,
                )
            ),
            "info",
        )
    if found.submissions_left_out:
        yield Para(
            str(
                ngettext(
                    "One more submission that counts is left out; its own page shows it.",
                    "%(num)s more submissions that count are left out; their own pages show them.",
                    found.submissions_left_out,
                )
            ),
            "info",
        )


# -------------------------------------------------------------------------------------------------------------- record


def _rests_on(found: Found) -> Iterator[tuple[str, str]]:
    """Ids and hashes of all that the report was made from."""
    yield str(_("Vendor")), str(found.vendor.id)
    if found.of:
        yield str(_("Only the engagements of")), found.of
    policies = {
        (one.subject.case.policy.sequence, one.subject.case.policy.content_hash) for one in found.shown
    }
    for sequence, content_hash in sorted(policies):
        yield str(_("Policy, version %(number)s", number=sequence)), content_hash
    for one in found.shown:
        name, subject = one.subject.case.engagement.name, one.subject
        yield str(_("Engagement: %(name)s", name=name)), str(subject.case.engagement.id)
        if subject.decision is not None:
            row = subject.decision
            yield str(_("Decision %(number)s: %(name)s", number=row.sequence, name=name)), str(row.id)
        if subject.case.evaluation_id is not None:
            yield str(_("Contract requirements: %(name)s", name=name)), str(subject.case.evaluation_id)
    for report in found.reports:
        rated, title = report.rated, report.definition.title
        yield str(_("Submission: %(title)s", title=title)), rated.submission.submission_hash
        said = _("Rating %(number)s: %(title)s", number=rated.rating.sequence, title=title)
        yield f"{said} ({rated.rating.method})", rated.rating.content_hash


def _record(found: Found, number: str) -> Iterator[Block]:
    yield Heading(1, str(_("What this report rests on")), number)
    yield Para(
        str(
            _(
                "Each line names a record by its id or its SHA-256. Whoever holds the portal's record can check that "
                "this report says what stands there; the hash of the report changes with the facts and with nothing "
                "else."
            )
        )
    )
    yield Facts(tuple(_rests_on(found)))
    yield Heading(3, str(_("How the numbers come about")))
    yield Bullets(
        (
            str(
                _(
                    "Residual risk is what the policy's matrix says of the tier and of the worst band among those "
                    "questionnaires that the policy asks for and whose answers count today; without any it is not "
                    "known, nor where one of them has no band."
                )
            ),
            str(
                _(
                    "A range means that answers are still open: its lower end is proven, its upper end is possible. "
                    "What counts is the lower end."
                )
            ),
            str(
                _(
                    "The gate is the worst of what a person decided, its last day, its conditions, and every ground "
                    "that has become worse since."
                )
            ),
        )
    )
    yield Para(
        str(
            _(
                "This report quotes answers of the vendor. Copies of this file are yours to destroy: what is removed "
                "from the portal later stays in them."
            )
        ),
        "info",
    )
