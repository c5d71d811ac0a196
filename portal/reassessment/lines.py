"""Lines of letters: what of the reminders is still so, seen with the eyes of the person whom they are for.

Each kind has a second look (``LOOKS``). It asks the very statements that the pages ask, in the scope of one tenant:
what a page would not show is not in a letter.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, mine, scoped
from portal.assessments import given
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.clock import local_date
from portal.db import Database
from portal.formats import long_date
from portal.outbox import one_line
from portal.reassessment import agenda, sayings
from portal.reassessment.agenda import IDS_AT_ONCE, Item
from portal.reassessment.line_about import About, about
from portal.reassessment.models import Reassessment, Reminder
from portal.reassessment.queries import OPEN, next_base, open_base
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor

MOST_LINES = 40  # of one block; the rest is a number and an address
DONE, MOVED, RIGHTS, OVERTAKEN, UNSUBSCRIBED, LEFT = (
    "done",
    "moved",
    "rights",
    "overtaken",
    "unsubscribed",
    "left",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing with a date. ``text``: a sentence with the full date in it; ``path``: its page, from the root.

    ``code``: what an assessment is checked by, in letters to those who are asked. ``asked_by``: the person who asks.
    """

    kind: str
    subject: uuid.UUID
    due: date
    text: str
    path: str
    code: str = ""
    asked_by: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """What one place has to say. ``more``: how many lines did not fit; ``path``: where these stand.

    ``locked``: the person may not read there before something else is done (``why_locked``), so ``more`` is all.
    """

    head: str
    place_id: uuid.UUID
    lines: tuple[Line, ...]
    more: int
    path: str
    locked: bool = False
    why_locked: str = ""

    @property
    def count(self) -> int:
        return len(self.lines) + self.more


@dataclass(frozen=True, slots=True)
class Looked:
    """A block, if anything is left to say, and why each of the other reminders is left out, by its id."""

    block: Block | None
    dropped: Mapping[uuid.UUID, str] = field(default_factory=dict)


Seen = Mapping[uuid.UUID, Line | str]
Look = Callable[[Session, Identity, Mapping[uuid.UUID, date], date], Seen]


def place_of(identity: Identity) -> tuple[str, uuid.UUID, str]:
    """(path, id, name) of the tenant that this identity stands in."""
    if identity.organisation is not None:
        return f"/o/{identity.organisation.slug}", identity.organisation.id, identity.organisation.name
    assert identity.company is not None
    return f"/c/{identity.company.slug}", identity.company.id, identity.company.name


def block(
    database: Database,
    identity: Identity,
    reminders: Sequence[Reminder],
    *,
    head: str,
    now: datetime,
    zone: str,
) -> Looked:
    """What to say of ``reminders`` (of one place) to ``identity`` at ``now``; days are those of ``zone``.

    Of several steps that lead to one date the newest speaks.
    """
    dropped: dict[uuid.UUID, str] = {}
    speaking: dict[tuple[str, uuid.UUID, date], Reminder] = {}
    for one in sorted(reminders, key=lambda one: (one.queued_at, _days(one.step), one.id.hex)):
        key = (one.kind, one.subject_id, one.due)
        if key in speaking:
            dropped[speaking[key].id] = OVERTAKEN
        speaking[key] = one
    today = local_date(now, zone)
    lines: list[Line] = []
    with database.looking(identity.scope) as session:
        for kind in sorted({kind for kind, _subject, _due in speaking}):
            of_kind = [one for one in speaking.values() if one.kind == kind]
            for some in _at_once(of_kind):
                wanted = {subject: one.due for subject, one in some.items()}
                seen = look_of(kind)(session, identity, wanted, today)
                for subject, one in some.items():
                    found = seen.get(subject, DONE)
                    if isinstance(found, Line):
                        lines.append(found)
                    else:
                        dropped[one.id] = found
    if not lines:
        return Looked(None, dropped)
    lines.sort(key=lambda one: (one.due, one.text, one.subject.hex))
    base, place_id, _name = place_of(identity)
    rest = [(one.kind, one.due) for one in lines[MOST_LINES:] if identity.organisation is not None]
    path = sayings.listed(base, rest, today=today)
    shown = tuple(lines[:MOST_LINES])
    return Looked(Block(head, place_id, shown, len(lines) - len(shown), path), dropped)


def _at_once(reminders: Iterable[Reminder]) -> list[dict[uuid.UUID, Reminder]]:
    """In as few parts as can be in which each subject has one date, and which a statement holds."""
    parts: list[dict[uuid.UUID, Reminder]] = []
    for one in reminders:
        room = (some for some in parts if len(some) < IDS_AT_ONCE and one.subject_id not in some)
        some = next(room, None)
        if some is None:
            parts.append(some := {})
        some[one.subject_id] = one
    return parts


def _days(step: str) -> int:
    """Where a step stands in its ladder, by its name; 0 for hours, which the order of queueing tells apart."""
    way, _, number = step.partition("-")
    days = int(number) if number.isdigit() else 0
    return -days if way == "before" else days


def when(due: date, today: date) -> str:
    """``Friday 15 January 2027, in 3 days``."""
    days = (due - today).days
    count = "one day" if abs(days) == 1 else f"{abs(days)} days"
    away = "today" if days == 0 else f"in {count}" if days > 0 else f"{count} ago"
    return f"{long_date(due)}, {away}"


# --------------------------------------------------------------------------------------------------- second looks


def _assessments(session: Session, identity: Identity, wanted: Mapping[uuid.UUID, date], today: date) -> Seen:
    """Open assessments: answers that are due."""
    ids = list(wanted)
    if identity.organisation is not None:
        visible = open_base(identity).where(Assessment.id.in_(ids))
    else:
        visible = scoped(identity, Assessment).where(
            Assessment.state == OPEN, Assessment.id.in_(ids), *given.seen(identity)
        )
    found = {one.id: one for one in session.execute(visible).scalars()}
    names = _vendor_names(session, identity, {one.vendor_id for one in found.values()})
    seen = _unseen(session, identity, wanted, found, Assessment, Assessment.state == OPEN)
    for subject, one in found.items():
        if one.due == wanted[subject]:
            seen[subject] = _assessment_line(identity, one, names.get(one.vendor_id, ""), today)
    return seen


def _assessment_line(identity: Identity, one: Assessment, vendor: str, today: date) -> Line:
    verb = "were due on" if one.due < today else "are due on"
    about = one_line(one.subject, 200)
    base, _id, _name = place_of(identity)
    if identity.company is not None:
        text = f"{one.title}, about {about}: the answers {verb} {when(one.due, today)}{_by(one)}."
        text += f" {one.answered} of {one.total} answered."
        path = f"{base}/assessments/{one.id}"
        return Line("assessment", one.id, one.due, text, path, one.code or "", one.issued_by)
    text = f"{vendor}, {one.title}, {about}: the answers {verb} {when(one.due, today)}{_by(one)}."
    text += (
        f" {one.answered} of {one.total} answered."
        if one.company_id is not None
        else " Nobody there has accepted the invitation yet."
    )
    return Line("assessment", one.id, one.due, text, f"{base}/assessments/{one.id}")


def _by(one: Assessment) -> str:
    """The time of a day that has one, with the clock that it is read from."""
    return "" if one.due_time is None else f", by {one.due_time:%H:%M} ({one.zone.replace('_', ' ')} time)"


def _reassessments(
    session: Session, identity: Identity, wanted: Mapping[uuid.UUID, date], today: date
) -> Seen:
    """Next assessments that are to be issued."""
    statement = (
        next_base(identity, Reassessment, Engagement, Vendor.name, Assessment.title)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            *mine(identity.scope, Engagement, Vendor, Submission, Assessment),
            Reassessment.id.in_(list(wanted)),
        )
    )
    found = {row[0].id: row for row in session.execute(statement)}
    out = _out(session, identity, [(row.engagement_id, row.slug) for row, *_rest in found.values()])
    still = Reassessment.state == "scheduled"
    seen = _unseen(session, identity, wanted, found, Reassessment, still)
    base, _id, _name = place_of(identity)
    for subject, (row, engagement, vendor, title) in found.items():
        if (row.engagement_id, row.slug) in out:
            seen[subject] = DONE
        elif row.due == wanted[subject]:
            verb = "was due on" if row.due < today else "is due on"
            text = (
                f"{vendor}, {engagement.name}: the next assessment by {title} {verb} {when(row.due, today)}."
            )
            seen[subject] = Line("reassessment", subject, row.due, text, f"{base}/schedule")
    return seen


def _out(
    session: Session, identity: Identity, wanted: Collection[tuple[uuid.UUID, str]]
) -> set[tuple[uuid.UUID, str]]:
    """Which of these engagements are asked by these questionnaires already, by no campaign."""
    rows = session.execute(
        select(AssessmentEngagement.engagement_id, Assessment.slug)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .where(
            *mine(identity.scope, AssessmentEngagement, Assessment),
            AssessmentEngagement.engagement_id.in_({one for one, _slug in wanted}),
            Assessment.state == OPEN,
            Assessment.campaign_id.is_(None),
        )
    )
    return {(engagement, slug) for engagement, slug in rows} & set(wanted)


def _unseen(
    session: Session,
    identity: Identity,
    wanted: Mapping[uuid.UUID, date],
    found: Collection[uuid.UUID],
    model: type[Assessment] | type[Reassessment],
    still: ColumnElement[bool],
) -> dict[uuid.UUID, Line | str]:
    """Why each of ``wanted`` is not as it was: over, moved to another day, or not for the eyes of this person."""
    rows = session.execute(
        select(model.id, model.due).where(*mine(identity.scope, model), model.id.in_(list(wanted)), still)
    )
    present = dict(rows.all())
    seen: dict[uuid.UUID, Line | str] = {}
    for subject, due in wanted.items():
        if subject not in present:
            seen[subject] = DONE
        elif present[subject] != due:
            seen[subject] = MOVED
        elif subject not in found:
            seen[subject] = RIGHTS
    return seen


def _vendor_names(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    if identity.organisation is None or not ids:
        return {}
    rows = session.execute(
        select(Vendor.id, Vendor.name).where(*mine(identity.scope, Vendor), Vendor.id.in_(list(ids)))
    )
    return dict(rows.all())


# Within which a date that has moved is looked for, of what cannot be found by its id.
HORIZON = timedelta(days=800)


def _by_agenda(kind: str) -> Look:
    """The look of every kind that has none of its own: what the calendar shows to this person."""

    def look(session: Session, identity: Identity, wanted: Mapping[uuid.UUID, date], today: date) -> Seen:
        if kind not in agenda.SOURCES:  # a kind of an earlier or a later version: nothing is known of it
            return {}
        visible = _of(session, identity, kind, wanted)
        found = {one.subject: one for one in visible if wanted.get(one.subject) == one.due}
        names = _names(session, identity, found.values())
        known = about(session, identity, found.values())
        seen: dict[uuid.UUID, Line | str] = {
            subject: _saying(identity, one, names, known.get(subject, About("")), today)
            for subject, one in found.items()
        }
        missing = {subject: due for subject, due in wanted.items() if subject not in found}
        if missing:
            every = replace(identity, role=OrganisationRole.ADMIN) if identity.organisation else identity
            near = _of(session, every, kind, missing, around=HORIZON)
            dates = {one.subject: one.due for one in near if one.subject in missing}
            for subject, due in missing.items():
                moved = RIGHTS if dates.get(subject) == due else MOVED
                seen[subject] = moved if subject in dates else DONE
        return seen

    return look


def _of(
    session: Session,
    identity: Identity,
    kind: str,
    wanted: Mapping[uuid.UUID, date],
    *,
    around: timedelta = timedelta(0),
) -> list[Item]:
    """What this person sees of these subjects, and maybe more; by their ids where the source has the same."""
    if agenda.SOURCES[kind].parts is None:
        return agenda.of_sources(session, identity, {kind: wanted})
    first, last = min(wanted.values()) - around, max(wanted.values()) + around
    return agenda.of_organisation(session, identity, (kind,), first=first, last=last)


def _saying(
    identity: Identity, one: Item, names: Mapping[uuid.UUID | None, str], known: About, today: date
) -> Line:
    base, _id, _name = place_of(identity)
    ahead, past, path = sayings.SAYINGS.get(one.kind, sayings.OTHER)
    words = [names.get(one.vendor_id, ""), names.get(one.engagement_id, ""), known.words]
    subject = ", ".join(one_line(word, 200) for word in words if word)
    text = f"{subject}: {ahead if one.due >= today else past} {when(one.due, today)}."
    return Line(one.kind, one.subject, one.due, text.lstrip(": "), f"{base}{known.path or path}")


def _names(session: Session, identity: Identity, items: Iterable[Item]) -> dict[uuid.UUID | None, str]:
    """Names of vendors and engagements, as far as this side has them."""
    items = list(items)
    if identity.organisation is None or not items:
        return {}
    vendor_ids = {one.vendor_id for one in items if one.vendor_id}
    names: dict[uuid.UUID | None, str] = {}
    names.update(iter(_vendor_names(session, identity, vendor_ids).items()))
    bought = vendors.engagements(session, identity, {one.engagement_id for one in items if one.engagement_id})
    names.update({one: row.name for one, row in bought.items()})
    return names


def _campaigns(session: Session, identity: Identity, wanted: Mapping[uuid.UUID, date], today: date) -> Seen:
    """The same of a campaign, to those who look for its letters."""
    found = _assessments(session, identity, wanted, today)
    return {
        key: replace(one, kind="campaign") if isinstance(one, Line) else one for key, one in found.items()
    }


LOOKS: dict[str, Look] = {
    "assessment": _assessments,
    "campaign": _campaigns,
    "reassessment": _reassessments,
}


def look_of(kind: str) -> Look:
    """The second look of a kind."""
    return LOOKS.get(kind) or _by_agenda(kind)


def register(kind: str, look: Look) -> None:
    """Give ``kind`` a second look of its own, with words that say more."""
    if kind in LOOKS:
        raise RuntimeError(f"reminders of kind {kind} have a second look already")
    LOOKS[kind] = look
