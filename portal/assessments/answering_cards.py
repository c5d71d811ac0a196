"""The view-model of a question: as a card to fill in, as text, and as a preview."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from portal.access import CompanyRole, Identity, Permission, Person
from portal.assessments import answering_words as words
from portal.assessments import documents
from portal.assessments.answering_form import fields_of
from portal.assessments.answering_words import _
from portal.assessments.documents import DocumentView
from portal.assessments.drafts import Content, Draft, Fault, Gap, content_of
from portal.assessments.models import Assessment, Delegation
from portal.assessments.offer_words import OfferView, offer_view
from portal.assessments.offers import Offers
from portal.assessments.queries import Rows, unaccepted
from portal.assessments.reach import EVERYTHING, Reach
from portal.assessments.service import Clash
from portal.formats import moment
from questionnaires.conditions import describe
from questionnaires.definition import Column, FindingRule, Question, Questionnaire, Section

MORE_ROWS = 3
NO_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class OptionView:
    """One option of a card; ``finding`` is what choosing it earns."""

    value: str
    label: str
    sub: str
    finding: FindingRule | None


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The evidence that a question asks for, and the promise of it."""

    kind: str
    required: bool
    proven: bool = False
    reason: str = ""
    date: str = ""
    reason_error: str = ""
    date_error: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class ConflictView:
    """Both sides of a conflict, see templates/_question.html."""

    theirs: Mapping[str, str]
    mine: Mapping[str, str]
    mine_fields: list[tuple[str, str]]
    revision: int


@dataclass(frozen=True, slots=True)
class Card:
    """One question as templates/_question.html draws it; that file explains each name."""

    key: str
    number: str
    text: str
    type: str
    help: str = ""
    hint: str = ""
    options: tuple[OptionView, ...] = ()
    columns: tuple[Column, ...] = ()
    unit: str = ""
    value: Any = ""
    rows: int = 0
    revision: int = 0
    state: str = "unanswered"
    allow_na: bool = False
    note: str = ""
    note_error: str = ""
    findings: tuple[FindingRule, ...] = ()
    required: bool = True
    visible: bool = True
    because: str = ""
    saved: str = ""
    error: str = ""
    evidence: EvidenceView | None = None
    conflict: ConflictView | None = None
    lines: tuple[str, ...] = ()
    documents: tuple[DocumentView, ...] = ()
    attach: bool = False
    waits: str = ""
    offer: OfferView | None = None


@dataclass(frozen=True)
class Desk:
    """What every card of a page is drawn from."""

    assessment: Assessment
    draft: Draft
    held: Rows
    people: Mapping[uuid.UUID, Person]
    viewer: Identity
    now: datetime
    reach: Reach = EVERYTHING
    given: Mapping[uuid.UUID, Delegation] = field(default_factory=dict)
    offers: Offers = field(default_factory=dict)

    @property
    def gaps(self) -> list[Gap]:
        """What is missing of what the viewer may answer; acceptance is an owner's and no gap of a helper's.

        What could be confirmed from before says so, as far as ``offers`` were asked for.
        """
        helping = self.viewer.role is not CompanyRole.OWNER
        return [
            Gap(one.key, "suggested")
            if one.kind == "unanswered" and one.key in self.offers and self.offers[one.key].is_offered
            else one
            for one in self.draft.gaps
            if self.reach.covers(one.key) and not (helping and one.kind == "unaccepted")
        ]

    @property
    def progress(self) -> tuple[int, int]:
        """(answered, asked) of what is in reach."""
        return self.reach.progress(self.draft.look)

    def through(self, row: Any) -> str:
        """ "through a link from Ana", of an answer that came by one; "" of any other."""
        found = self.given.get(row.delegation_id) if row is not None and row.delegation_id else None
        return _("through a link from %(who)s", who=self.name(found.created_by)) if found else ""

    def name(self, person_id: uuid.UUID) -> str:
        found = self.people.get(person_id)
        return found.name if found else _("A colleague")

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        return numbers(self.draft.definition)


@dataclass(frozen=True)
class Typed:
    """What a refused post leaves on the page, by key."""

    contents: Mapping[str, Content] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    conflicts: Mapping[str, Clash] = field(default_factory=dict)


NOTHING_TYPED = Typed()


def numbers(definition: Questionnaire) -> dict[str, str]:
    """``3.1`` for each question: its place in the definition, whatever is hidden."""
    return {
        question.key: f"{s}.{q}"
        for s, section in enumerate(definition.sections, 1)
        for q, question in enumerate(section.questions, 1)
    }


def cards(desk: Desk, section: Section, typed: Typed = NOTHING_TYPED) -> list[Card]:
    """Every question of a section; those not asked now are there too, hidden, so that autosave can show them."""
    return [_card(desk, question, typed) for question in section.questions]


def _card(desk: Desk, question: Question, typed: Typed) -> Card:
    key = question.key
    row, stale = desk.held.get(key, (None, None))
    clash = typed.conflicts.get(key)
    if clash is None and stale is not None and row is not None and key not in typed.faults:
        clash = Clash(
            content_of(row),
            row.revision,
            row.answered_by,
            row.answered_at,
            content_of(stale),
            stale.revision,
            stale.written_at,
        )
    fault = typed.faults.get(key, NO_FAULT)
    content, revision = content_of(row), row.revision if row else 0
    if (
        key in typed.faults
    ):  # the refused text stays in its field, and keeps the revision that it was written on
        content = typed.contents.get(key, content)
        revision = max(typed.revisions.get(key, revision), 0)
    elif clash is not None:
        revision = clash.base
    error = fault.answer or ("" if fault.first else desk.draft.outdated.get(key, ""))
    shown = key in desk.draft.look.visible
    return Card(
        **_asked(desk.draft, question, desk.numbers[key], desk.reach),
        waits=_waits(desk, row),
        value=_value(question, content),
        rows=min(len(content.value or ()) + MORE_ROWS, question.max_rows) if question.type == "table" else 0,
        revision=revision,
        state=content.state,
        note=content.note,
        note_error=fault.note,
        findings=() if elsewhere(desk, question) else desk.draft.conditional_findings(question),
        required=key in desk.draft.look.required if shown else question.required,
        visible=shown or bool(fault.first) or clash is not None,
        saved=_saved(desk, row),
        error=error,
        evidence=_evidence(desk.draft, question, content, fault),
        documents=documents_beside(desk, question),
        attach=desk.viewer.may(Permission.ATTACH_EVIDENCE),
        conflict=_conflict(desk, question, clash) if clash is not None else None,
        offer=offer_view(desk.offers.get(key), question, desk.name, desk.assessment.zone, desk.viewer),
    )


def elsewhere(desk: Desk, question: Question) -> bool:
    """Whether a finding of this question rests on answers that the viewer may not see: then it tells of them."""
    if desk.reach.whole:
        return False
    return any(
        not desk.reach.sees(name)
        for one in question.findings
        if one.when is not None
        for name in one.when.names & desk.draft.definition.questions.keys()
    )


def _waits(desk: Desk, row: Any) -> str:
    """That an answer came through a link and nobody has accepted it, for those who see drafts as a whole."""
    if row is None or not unaccepted(row) or desk.viewer.role is CompanyRole.DELEGATE:
        return ""
    who = desk.name(row.answered_by)
    return _("%(who)s answered %(through)s. It waits for an owner.", who=who, through=desk.through(row))


def _asked(draft: Draft, question: Question, number: str, reach: Reach = EVERYTHING) -> dict[str, Any]:
    """The part of a card that does not depend on its answer."""
    findings = {one.option: one for one in question.findings if one.option is not None}
    alone = _("Choose it alone, without the others")
    return {
        "key": question.key,
        "number": number,
        "text": question.text,
        "type": question.type,
        "help": question.help,
        "hint": words.hint(question),
        "options": tuple(
            OptionView(
                one.value,
                one.label,
                alone if one.exclusive and question.type == "choices" else "",
                findings.get(one.value),
            )
            for one in question.options
        ),
        "columns": question.columns,
        "unit": question.unit,
        "allow_na": question.allow_na,
        "because": because(draft, question, reach),
    }


def because(draft: Draft, question: Question, reach: Reach = EVERYTHING) -> str:
    """Why a conditional question is asked, or when it would be; "" for one that is always asked.

    An answer out of ``reach`` is not quoted.
    """
    section = draft.definition.section_of[question.key]
    conditions = [one for one in (section.visible_when, question.visible_when) if one is not None]
    if not conditions:
        return ""
    names = {name for one in conditions for name in one.names & draft.definition.questions.keys()}
    if any(not reach.sees(name) for name in names):
        return _("Asked because of an answer that was given elsewhere.")
    if question.key in draft.look.why:
        return draft.look.why[question.key]
    clauses = dict.fromkeys(describe(one, draft.definition, "vendor") for one in conditions)
    return _("Asked only if %(reason)s.", reason=_(" and ").join(clauses))


def _value(question: Question, content: Content) -> Any:
    if question.type == "table":
        return content.value or []
    if question.type == "choices":
        return content.value or ()
    return "" if content.value is None else content.value


def _saved(desk: Desk, row: Any) -> str:
    if row is None or content_of(row).blank:
        return ""
    mine = row.answered_by == desk.viewer.person.id
    who, zone = desk.name(row.answered_by), desk.assessment.zone
    said = words.saved_label(who, mine, row.answered_at, desk.now, zone)
    through = "" if mine else desk.through(row)
    return f"{said}, {through}" if through else said


def _evidence(draft: Draft, question: Question, content: Content, fault: Fault) -> EvidenceView | None:
    if question.evidence is None:
        return None
    return EvidenceView(
        kind=words.evidence_name(question.evidence.kind),
        required=question.key in draft.look.evidence_required,
        proven=draft.proven(question.key),
        reason=content.promise_reason,
        date=content.promise_date,
        reason_error=fault.reason,
        date_error=fault.date,
    )


def documents_beside(desk: Desk, question: Question) -> tuple[DocumentView, ...]:
    """What lies beside the answer to a question of a draft."""
    held = desk.draft.documents.get(question.key, ())
    if not held:
        return ()
    one = desk.assessment
    place = documents.question_place(one, desk.viewer, desk.draft.definition, question.key)
    return documents.views(held, question.evidence, desk.draft.as_of, desk.people, place, one.zone)


def _conflict(desk: Desk, question: Question, clash: Clash) -> ConflictView:
    mine = {"label": words.short(question, clash.mine)}
    if clash.written is not None:
        mine["at"] = _("You, %(at)s", at=moment(clash.written, desk.assessment.zone))
    return ConflictView(
        theirs=theirs(desk, question, clash),
        mine=mine,
        mine_fields=fields_of(question, clash.mine),
        revision=clash.revision,
    )


def theirs(desk: Desk, question: Question, clash: Clash) -> dict[str, str]:
    return {
        "label": words.short(question, clash.theirs),
        "who": _("you in another window") if clash.who == desk.viewer.person.id else desk.name(clash.who),
        "at": moment(clash.at, desk.assessment.zone),
    }


def sealed_card(
    definition: Questionnaire,
    question: Question,
    number: str,
    content: Content,
    findings: Iterable[FindingRule] = (),
    beside: tuple[DocumentView, ...] = (),
) -> Card:
    """A question whose answer is text: sealed, or shown for reading before it is signed."""
    promised = content.promise_reason
    if content.promise_reason and content.promise_date:
        day = words.day(content.promise_date)
        promised = _("promised for %(day)s. %(reason)s", day=day, reason=content.promise_reason)
    elif content.promise_reason:
        promised = _("not shared. %(reason)s", reason=content.promise_reason)
    kind = words.evidence_name(question.evidence.kind) if question.evidence else ""
    return Card(
        key=question.key,
        number=number,
        text=question.text,
        type=question.type,
        columns=question.columns,
        unit=question.unit,
        value=words.table_rows(question, content) if question.type == "table" else content.value,
        state=content.state,
        note=content.note,
        findings=tuple(findings),
        lines=words.lines(question, content),
        documents=beside,
        evidence=EvidenceView(kind, False, state=promised) if promised else None,
    )


def preview_card(draft: Draft, question: Question, number: str) -> Card:
    """A question as it will be asked, for reading."""
    always = draft.definition.section_of[question.key].visible_when is None and question.visible_when is None
    rule = question.evidence
    return Card(
        **_asked(draft, question, number),
        required=question.required or question.required_when is not None,
        visible=always or question.key in draft.look.visible,
        evidence=EvidenceView(words.evidence_name(rule.kind), rule.required) if rule else None,
    )
