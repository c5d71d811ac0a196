"""What an uploaded workbook would change, and taking that over through save_answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import queries, service, workbook_uploads
from portal.assessments.answering_words import _
from portal.assessments.drafts import EMPTY, Content, Fault, check, content_of
from portal.assessments.models import Assessment
from portal.assessments.reach import Reach
from portal.assessments.service import Edit, SaveResult
from portal.assessments.version_models import WorkbookUpload
from portal.assessments.workbook_reading import Entry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid
from portal.forms import clean
from questionnaires.definition import Question, Questionnaire, Section

OUTDATED = (
    "This questionnaire has moved to another version since the workbook was uploaded. Nothing was taken over. "
    "Download the workbook anew: what is answered in the portal is in it."
)
LARGEST_KEPT = 3_000_000  # characters of JSON: they are parsed whenever the upload is looked at
What = Literal["new", "changed", "conflict", "same", "unreadable"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What taking one entry over would do. ``content``: the card as it would be; ``stored``: as it is now.

    ``faults``: (cell, sentence) of what cannot be read; ``question`` is None for a key that is not in reach. ``more``:
    how many further rows this one stands for, told by their number alone.
    """

    what: What
    key: str
    at: str
    question: Question | None = None
    content: Content = EMPTY
    stored: Content = EMPTY
    revision: int = 0
    who: uuid.UUID | None = None
    written: datetime | None = None
    faults: tuple[tuple[str, str], ...] = ()
    more: int = 0


def as_rows(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What is kept of a workbook: entries that say anything, or that something is wrong with.

    Raises Invalid (field ``file``) beyond LARGEST_KEPT. Slow with large ones: before a transaction.
    """
    rows = [as_json(one) for one in entries if not one.blank or one.faults or not one.known]
    if len(json.dumps(rows, ensure_ascii=False)) > LARGEST_KEPT:
        text = _("The workbook holds far more than its questions. Take out what does not belong to it.")
        raise Invalid(errors={"file": text})
    return rows


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry without what is empty; ``from_json`` gives it again."""
    return {name: value for name, value in asdict(entry).items() if value not in (None, [], {})}


def from_json(held: Mapping[str, Any]) -> Entry:
    values = {
        **held,
        "rows": [(number, dict(cells)) for number, cells in held.get("rows", ())],
        "faults": [(at, text) for at, text in held.get("faults", ())],
    }
    return Entry(**values)


# --------------------------------------------------------------------------------------------------------- comparing


def proposals(
    session: Session,
    actor: Identity,
    one: Assessment,
    definition: Questionnaire,
    reach: Reach,
    row: WorkbookUpload,
    held: queries.Rows,
    as_of: date,
) -> list[Proposal]:
    """What each entry of an upload would do now, in the workbook's order. Raises Conflict for another version."""
    if row.content_hash != one.content_hash:
        raise Conflict(OUTDATED)
    entries = [from_json(each) for each in row.cells]
    stale = {
        each.key: each.revision
        for each in entries
        if each.key in held and 0 < each.revision < held[each.key][0].revision
    }
    bases = queries.contents_at(session, actor, one.id, stale)
    found = []
    for entry in entries:
        question = definition.questions.get(entry.key) if reach.covers(entry.key) else None
        if question is None or not entry.known:
            faults = entry.faults or [(entry.at, _("There is no such question among yours."))]
            one_of = Proposal("unreadable", entry.key, entry.at, faults=tuple(faults), more=entry.more)
            found.append(one_of)
        else:
            found.append(_propose(entry, question, held, bases, as_of))
    return found


def _propose(
    entry: Entry, question: Question, held: queries.Rows, bases: Mapping[str, Content], as_of: date
) -> Proposal:
    row = held[entry.key][0] if entry.key in held else None
    stored, revision = content_of(row), row.revision if row else 0
    base = stored if entry.revision == revision else EMPTY if entry.revision == 0 else bases.get(entry.key)
    proposal = Proposal(
        "unreadable",
        entry.key,
        entry.at,
        question,
        stored=stored,
        revision=entry.revision,
        who=row.answered_by if row else None,
        written=row.answered_at if row else None,
    )
    if entry.faults:
        return replace(proposal, faults=tuple(entry.faults))
    if base is None:
        return replace(
            proposal, faults=((entry.at, _("What this answer was written on is gone. Download anew.")),)
        )
    merged = laid_over(question, base, entry)
    if isinstance(merged, str):
        return replace(proposal, faults=((entry.at, merged),))
    if merged in (base, stored):
        return replace(proposal, what="same", content=stored)
    checked = check(question, merged, as_of)
    if isinstance(checked, Fault):
        return replace(proposal, content=merged, faults=((entry.at, checked.first),))
    if checked in (base, stored):
        return replace(proposal, what="same", content=stored)
    what: What = "conflict" if entry.revision < revision else "new" if stored.blank else "changed"
    return replace(proposal, what=what, content=checked)


def laid_over(question: Question, base: Content, entry: Entry) -> Content | str:
    """What stood there when the workbook was made, with every filled cell laid over it; or why that cannot be.

    An empty cell changes nothing.
    """
    value = _value(question, base, entry)
    given = value is not None
    if entry.not_applicable and given:
        return _("There is an answer, and “not applicable” says yes. Keep one of the two: empty the other.")
    if entry.not_applicable is False and base.state == "not_applicable" and not given:
        return _("“Not applicable” is taken back, and there is no answer yet. Write one.")
    state, held = base.state, base.value
    if entry.not_applicable:
        state, held = "not_applicable", None
    elif given:
        state, held = "answered", value
    note = _words(entry.note, base.note)
    reason = _words(entry.reason, base.promise_reason)
    return Content(state, held, note, reason, base.promise_date if entry.by is None else entry.by)


def _words(cell: str | None, base: str) -> str:
    """A cell of words; what comes back as it was written changes nothing, not even its spaces."""
    return base if cell is None or cell == clean(base) else cell


def _value(question: Question, base: Content, entry: Entry) -> Any:
    """The value that the workbook gives, in the JSON shape of the format; None where it gives none."""
    before = base.value if base.state == "answered" else None
    if question.type == "choices":
        if not entry.options:
            return None
        held = set(before or ())
        return [each.value for each in question.options if entry.options.get(each.value, each.value in held)]
    if question.type == "table":
        return _rows(question, before or [], entry) if entry.rows else None
    if entry.value is not None and before is not None and isinstance(before, str):
        return _words(entry.value, before)
    return entry.value


def _rows(question: Question, before: list[dict[str, str]], entry: Entry) -> list[dict[str, str]]:
    """The rows that were there with filled cells laid over, then the new ones in the workbook's order."""
    rows = [dict(row) for row in before]
    added = []
    for number, cells in entry.rows:
        if number is not None and 1 <= number <= len(rows):
            row = rows[number - 1]
            row |= {name: _words(text, row.get(name, "")) for name, text in cells.items()}
        else:
            added.append(cells)
    order = [one.key for one in question.columns]
    return [{name: row[name] for name in order if name in row} for row in (*rows, *added)]


# ---------------------------------------------------------------------------------------------------------- applying


def apply(
    session: Session,
    one: Assessment,
    definition: Questionnaire,
    reach: Reach,
    row: WorkbookUpload,
    chosen: Collection[str],
    as_of: date,
    *,
    actor: Identity,
    now: datetime,
) -> SaveResult:
    """Take over the chosen entries; the upload is destroyed. ``one`` is locked.

    The stale rule of save_answers holds: what a colleague has answered since is kept, and both are offered. Raises
    Conflict when the questionnaire has moved, AlreadySubmitted.
    """
    if one.state != "open":
        raise service.AlreadySubmitted(one)
    held = queries.rows(session, actor, one.id)
    found = proposals(session, actor, one, definition, reach, row, held, as_of)
    edits = [
        Edit(each.key, each.revision, each.content)
        for each in found
        if each.key in chosen and each.what in ("new", "changed", "conflict")
    ]
    # One save for all, not one for each section: one event, and the draft is read once.
    everything = Section("", "", tuple(q for q in definition.questions.values() if reach.covers(q.key)))
    result = service.save_answers(session, one, everything, edits, actor=actor, now=now)
    record(
        session,
        Kind.WORKBOOK_APPLIED,
        now=now,
        actor=actor,
        subject=row,
        data={
            "assessment": one.id,
            "saved": len(result.saved),
            "beside": len(result.conflicts),
            "left": len(found) - len(edits),
        },
    )
    workbook_uploads.forget(session, actor, one.id)
    return result
