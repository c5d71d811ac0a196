"""The report on one vendor: page 1 for whoever signs, then each engagement and each submission that counts.

Everything is read with the reader's own eyes by the services of the pages, so a business owner's report speaks of their
engagements alone. Days are dates, never "in three days": equal facts give equal reports tomorrow.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.formats import moment, short_date
from portal.gate import arranging, fresh, words
from portal.gate import page as gates
from portal.gate.queries import MET
from portal.organisations import queries as organisations
from portal.reports import engagement_report, queries, report_queries, submission_report
from portal.reports.engagement_report import GATE_TONES, Shown
from portal.reports.model import (
    Block,
    Break,
    Bullets,
    Cell,
    Document,
    Facts,
    Heading,
    Para,
    State,
    Table,
    isolated,
)
from portal.reports.queries import Report
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor
from portal.vendors.policy_words import RISK_WORDS, TIER_WORDS

MOST_ENGAGEMENTS = 40
MOST_SUBMISSIONS = 12  # each is read whole, with its rating: some hundred answers
MOST_REASONS = 5
RISK_TONES = {"low": "good", "medium": "fair", "high": "caution", "critical": "bad"}


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
    yield Para(_sentence(found.shown), "lead")
    yield Table(
        str(_("How each engagement stands today")),
        tuple(
            str(one)
            for one in (_("Engagement"), _("Tier"), _("Assessed"), _("Residual risk"), _("Gate"), _("Until"))
        ),
        tuple(_row(one) for one in found.shown),
        widths=(28, 11, 20, 14, 15, 12),
    )
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
    yield Para(
        str(
            _(
                "Assessed: the worst band among the questionnaires that the policy asks for and that count today. "
                "Until: the last day on which the gate passes if nobody does anything."
            )
        ),
        "small",
    )
    yield from _keeping(found.shown)
    yield from _to_do(found.shown)
    yield from _decided(found.shown)


def _sentence(shown: list[Shown]) -> str:
    """What a board member should remember."""
    passing = sum(one.outcome in ("clear", "clear_with_conditions") for one in shown)
    blocked = sum(one.outcome == "blocked" for one in shown)
    if passing == len(shown):
        said = ngettext(
            "The one engagement may go ahead.", "All %(num)s engagements may go ahead.", len(shown)
        )
    elif not passing:
        said = ngettext(
            "The one engagement may not go ahead today.",
            "None of the %(num)s engagements may go ahead today.",
            len(shown),
        )
    else:
        said = _("%(passing)s of %(all)s engagements may go ahead.", passing=passing, all=len(shown))
    if blocked and len(shown) > 1:
        said += " " + ngettext("One is blocked.", "%(num)s are blocked.", blocked)
    worst = max((one.residual for one in shown if one.residual), key=list(RISK_TONES).index, default="")
    if worst:
        said += " " + _("The highest residual risk is %(risk)s.", risk=str(RISK_WORDS[worst]).lower())
    else:
        said += " " + _(
            "The residual risk is not known: of what the policy asks for, nothing that counts today has a band."
        )
    return str(said)


def _row(one: Shown) -> tuple[Cell, ...]:
    risk: Cell = str(_("not known"))
    if one.residual:
        risk = State(RISK_TONES[one.residual], str(RISK_WORDS[one.residual]))
    subject = one.subject
    last = until(one)
    return (
        subject.case.engagement.name,
        str(TIER_WORDS[subject.case.facts.tier]),
        one.band,
        risk,
        State(GATE_TONES.get(one.outcome, "none"), one.outcome_word),
        short_date(last) if last else "",
    )


def until(one: Shown) -> date | None:
    """The last day on which the gate passes if nobody does anything; None where it does not pass today."""
    subject, decided = one.subject, one.subject.decided
    if decided is None or not one.passes:
        return None
    met = frozenset(each.condition.subject for each in one.held if each.state == MET)
    ends = fresh.lapses_on(subject.case.facts, decided, subject.case.policy, met, subject.today)
    days = [decided.valid_until, ends - fresh.DAY if ends is not None else None]
    return min((day for day in days if day is not None), default=None)


def _keeping(shown: list[Shown]) -> Iterator[Block]:
    yield Heading(3, str(_("What keeps it from better")))
    some = [one for one in shown if one.outcome != "clear" or one.arranged.wanting]
    items: list[str] = []
    for one in some:
        name = isolated(one.subject.case.engagement.name)
        said = gates.lapsed_words(one.subject) or [_ground(group) for group in one.groups]
        items += [f"{name}: {text}" for text in said[:MOST_REASONS]]
        if len(said) > MOST_REASONS:
            more = len(said) - MOST_REASONS
            items.append(
                f"{name}: " + str(ngettext("and one more ground", "and %(num)s more grounds", more)) + "."
            )
        elif not said:
            items.append(f"{name}: " + str(_("nothing stands in the way; nobody has decided yet.")))
    if items:
        yield Bullets(tuple(items))
    else:
        yield Para(str(_("Nothing: every gate is clear.")))


def _ground(group: list[words.Line]) -> str:
    one = group[0]
    about = f", {one.about}" if one.about else ""
    what = f"{one.name}{about}" if len(group) == 1 else f"{one.name}, {arranging.headline(group)}"
    return f"{what}: {one.on_record}."


def _to_do(shown: list[Shown]) -> Iterator[Block]:
    rows = sorted(
        (
            (each.due is None, each.due, one.subject.case.engagement.name, each)
            for one in shown
            for each in one.todo
        ),
        key=lambda row: (row[0], row[1] or date.max, row[2], row[3].what),
    )
    if not rows:
        return
    yield Heading(3, str(_("What must happen, and by when")))
    yield Table(
        str(_("Conditions and agreed plans")),
        (str(_("What")), str(_("Engagement")), str(_("Who")), str(_("By")), str(_("State"))),
        tuple(
            (each.what, name, each.who, short_date(due) if due else str(_("while it holds")), each.state)
            for _no_day, due, name, each in rows
        ),
        widths=(38, 20, 18, 12, 12),
    )


def _decided(shown: list[Shown]) -> Iterator[Block]:
    yield Heading(3, str(_("Who decided")))
    items = []
    for one in shown:
        subject, name = one.subject, isolated(one.subject.case.engagement.name)
        row = subject.decision
        if row is None:
            items.append(f"{name}: " + str(_("nobody yet, so purchasing waits.")))
            continue
        who = [isolated(one.person(row.decided_by))]
        if row.approved_by is not None:
            who.append(str(_("approved by %(who)s", who=isolated(one.person(row.approved_by)))))
        when = moment(row.decided_at, subject.ours.zone)
        outcome = str(words.OUTCOMES[row.outcome]).lower()
        items.append(f"{name}: {outcome}, {', '.join(who)}, {when}.")
    yield Bullets(tuple(items))


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
