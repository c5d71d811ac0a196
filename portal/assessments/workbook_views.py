"""Working in a spreadsheet: the workbook of an assessment to take away, the way back, and what it would change."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal import bodies, clock, web
from portal.access import Permission, requires
from portal.assessments import (
    answering_page,
    pace,
    queries,
    workbook_changes,
    workbook_layout,
    workbook_opening,
    workbook_reading,
    workbook_uploads,
    workbook_writing,
)
from portal.assessments import answering_words as words
from portal.assessments.answering_cards import numbers
from portal.assessments.answering_desk import asked_by
from portal.assessments.answering_words import _
from portal.assessments.drafts import Content, Draft, content_of
from portal.assessments.models import Assessment
from portal.assessments.reach import Reach, reach
from portal.assessments.service import AlreadySubmitted
from portal.assessments.workbook_changes import Proposal
from portal.assessments.workbook_layout import Origin
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.exporting import spooled
from portal.faults import Conflict, Invalid, Throttled, Unavailable
from portal.formats import full_date, moment
from portal.library import service as library
from portal.organisations import queries as organisations
from questionnaires.definition import Question, Questionnaire

blueprint = Blueprint("workbook", __name__)
Page = str | Response | tuple[str, int]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ONE = "/c/<company>/assessments/<uuid:assessment>/workbook"
_UPLOAD = f"{_ONE}/<uuid:upload>"
NONE = "Choose the workbook that you have filled in."
LONGEST_SHOWN = 600


@dataclass(frozen=True)
class _Open:
    """An open assessment with what of it is the viewer's."""

    one: Assessment
    definition: Questionnaire
    reach: Reach
    held: queries.Rows
    draft: Draft

    @property
    def origin(self) -> Origin:
        return Origin.of(self.one.id, self.one.content_hash)

    def asked(self) -> list[workbook_layout.Asked]:
        return workbook_layout.asked(self.draft, self.reach)


def _read(session: Session, assessment: uuid.UUID, *, lock: bool = False) -> _Open:
    """Raises NotFound, AlreadySubmitted for what is no longer open."""
    identity = web.identity()
    one = queries.assessment(session, identity, assessment, lock=lock)
    definition = library.definition(session, one.content_hash)
    reached = reach(session, identity, one, definition, web.now())
    if one.state != "open":
        raise AlreadySubmitted(one)
    held = queries.rows(session, identity, one.id)
    draft = queries.draft(session, identity, definition, one, held, web.now())
    return _Open(one, definition, reached, held, draft)


@blueprint.get(_ONE)
@requires(Permission.SEE_QUESTIONS)
def page(company: str, assessment: uuid.UUID) -> Page:
    """What a workbook is good for, where to get it, and where to bring it back."""
    try:
        at = _read(web.db(), assessment)
    except AlreadySubmitted as closed:
        return _closed(closed.assessment)
    return render_template("workbook/page.html", **_around(at))


def _closed(one: Assessment) -> Response:
    identity = web.identity()
    if not identity.may(Permission.SEE_ASSESSMENT):
        return redirect(url_for("delegation.mine", **answering_page.place(one, identity)), 303)
    return redirect(answering_page.settled(one, identity), 303)


def _around(at: _Open, errors: list[str] | None = None) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    return {
        **asked_by(at.one),
        "one": at.one,
        "partial": not at.reach.whole,
        "returned": at.reach.came is not None,
        "link": at.reach.link is not None,
        "count": sum(at.reach.covers(key) for key in at.definition.questions),
        "tables": any(
            question.type == "table" and at.reach.covers(key)
            for key, question in at.definition.questions.items()
        ),
        "waiting": workbook_uploads.waiting(session, identity, at.one),
        "errors": errors or [],
        "failed": bool(errors),
        "back": _back(at),
    }


def _back(at: _Open) -> str:
    """The page that a person came from: of the whole, or of their part."""
    whole = at.reach.whole and web.identity().may(Permission.SEE_ASSESSMENT)
    name = "answering.assessment" if whole else "delegation.mine"
    return url_for(name, **answering_page.place(at.one, web.identity()))


@blueprint.get(f"{_ONE}.xlsx")
@requires(Permission.SEE_QUESTIONS)
def download(company: str, assessment: uuid.UUID) -> Response:
    """The workbook, on record before its first byte leaves."""
    identity, now = web.identity(), web.now()
    assert identity.company is not None
    owner = identity.company.id
    try:
        at = _read(web.db(), assessment)
    except AlreadySubmitted as closed:
        return _closed(closed.assessment)
    one, questions = at.one, at.asked()
    held = {
        key: (row.revision, content_of(row)) for key, (row, _stale) in at.held.items() if at.reach.covers(key)
    }
    about = _about(at)

    def note(session: Session, rows: int) -> None:
        data = {"what": "workbook", "rows": rows, "assessment": one.id}
        record(session, Kind.EXPORTED, now=now, actor=identity, company_id=owner, data=data)

    return spooled(
        f"{one.slug}-{one.version}-{clock.local_date(now, one.zone)}.xlsx",
        XLSX,
        lambda file: workbook_writing.write(file, about, questions, held, at.origin),
        note,
    )


def _about(at: _Open) -> workbook_writing.About:
    identity, one = web.identity(), at.one
    assert identity.company is not None
    return workbook_writing.About(
        title=f"{one.title} {one.version}",
        subject=one.subject,
        asker=organisations.organisation_for_company(web.db(), one.organisation_id).name,
        company=identity.company.name,
        person=identity.person.name,
        due=_("%(day)s, end of the day in %(zone)s", day=full_date(one.due), zone=one.zone),
        made=moment(web.now(), one.zone),
        partial=not at.reach.whole,
        returned=at.reach.came is not None,
    )


# ------------------------------------------------------------------------------------------------- the way back


@blueprint.post(_ONE)
@requires(Permission.ANSWER)
@bodies.uploads
def bring(company: str, assessment: uuid.UUID) -> Page:
    """A workbook that comes back: looked at, read with no transaction open, then kept until its person chooses."""
    app, identity = web.portal(), web.identity()
    with app.database.looking(identity.scope) as session:
        at = _read(session, assessment)
        asked = at.asked()
    try:
        app.database.record_refusal(lambda counting: pace.require_upload(counting, identity, now=web.now()))
        name, entries = _entries(at, asked)
        rows = workbook_changes.as_rows(entries)
        now_at = _read(web.db(), assessment, lock=True)
        if now_at.one.content_hash != at.one.content_hash:
            raise Conflict(workbook_changes.OUTDATED)
        row = workbook_uploads.keep(web.db(), now_at.one, name, rows, actor=identity, now=web.now())
    except (Invalid, Unavailable, Throttled) as fault:
        return _not_read(assessment, fault)
    return redirect(url_for("workbook.changes", company=company, assessment=assessment, upload=row.id), 303)


def _not_read(assessment: uuid.UUID, fault: Invalid | Unavailable | Throttled) -> Page:
    """The page again with the reason; where waiting helps, it says for how long."""
    web.undo()
    told = [*fault.errors.values()] if isinstance(fault, Invalid) else [fault.message]
    page = render_template("workbook/page.html", **_around(_read(web.db(), assessment), told))
    match fault:
        case Throttled():
            return Response(page, 429, {"Retry-After": str(fault.retry_after)}, mimetype="text/html")
        case Unavailable():
            return Response(page, 503, {"Retry-After": "60"}, mimetype="text/html")
        case _:
            return page, 422


def _entries(at: _Open, asked: list[workbook_layout.Asked]) -> tuple[str, list[workbook_reading.Entry]]:
    """The posted file's name and what it says. Raises Invalid (field ``file``), Unavailable."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(errors={"file": NONE})
    name, cells = workbook_opening.open_workbook(sent.stream, sent.filename)
    return name, workbook_reading.read(cells, asked, at.origin)


@blueprint.get(_UPLOAD)
@requires(Permission.SEE_QUESTIONS)
def changes(company: str, assessment: uuid.UUID, upload: uuid.UUID) -> Page:
    """What a workbook would change, one by one; nothing of it is taken over yet."""
    session, identity = web.db(), web.identity()
    try:
        at = _read(session, assessment)
    except AlreadySubmitted as closed:
        return _closed(closed.assessment)
    row = workbook_uploads.upload(session, identity, at.one, upload)
    found = workbook_changes.proposals(
        session, identity, at.one, at.definition, at.reach, row, at.held, _today(at.one)
    )
    return render_template("workbook/changes.html", **_compared(at, found), row=row)


def _today(one: Assessment) -> Any:
    return clock.local_date(web.now(), one.zone)


def _compared(at: _Open, found: list[Proposal]) -> dict[str, Any]:
    numbered = numbers(at.definition)
    people = organisations.people(web.db(), {each.who for each in found if each.who is not None})
    look = at.draft.look

    def line(each: Proposal) -> dict[str, Any]:
        person = people.get(each.who) if each.who else None
        return {
            "key": each.key,
            "number": numbered.get(each.key, "") if each.question else "",
            "text": each.question.text if each.question else each.key,
            "before": _said(each.question, each.stored),
            "after": _said(each.question, each.content),
            "who": _who(each, person.name if person else _("A colleague")),
            "at": each.written,
            "hidden": each.question is not None and each.key not in look.visible,
            "faults": each.faults,
            "more": each.more,
        }

    groups = {
        what: [line(each) for each in found if each.what == what]
        for what in ("new", "changed", "conflict", "unreadable")
    }
    return {
        **asked_by(at.one),
        "one": at.one,
        "groups": groups,
        "same": sum(each.what == "same" for each in found),
        "unread": sum(each.more or 1 for each in found if each.what == "unreadable"),
        "takeable": sum(len(groups[what]) for what in ("new", "changed", "conflict")),
        "link": at.reach.link is not None,
    }


def _who(each: Proposal, name: str) -> str:
    return _("You") if each.who == web.identity().person.id else name


def _said(question: Question | None, content: Content) -> list[tuple[str, str]]:
    """A card in words, as (label, text); text that is very long is cut."""
    if question is None:
        return []
    if content.state == "not_applicable":
        found = [("", _("Not applicable"))]
    else:
        found = [("", text) for text in words.lines(question, content)]
    found += [(_("Comment"), content.note)] if content.note else []
    found += [(_("Why it is not here"), content.promise_reason)] if content.promise_reason else []
    found += [(_("When it will come"), words.day(content.promise_date))] if content.promise_date else []
    return [
        (label, text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...") for label, text in found
    ]


@blueprint.post(_UPLOAD)
@requires(Permission.ANSWER)
def take(company: str, assessment: uuid.UUID, upload: uuid.UUID) -> Page:
    """Take the ticked answers over. Where a colleague was faster, both answers stand and a person chooses."""
    session, identity = web.db(), web.identity()
    at = _read(session, assessment, lock=True)
    pace.require_measure(session, identity, now=web.now())
    row = workbook_uploads.upload(session, identity, at.one, upload)
    chosen = at.definition.questions.keys() & set(request.form.getlist("take"))
    if not chosen:
        found = workbook_changes.proposals(
            session, identity, at.one, at.definition, at.reach, row, at.held, _today(at.one)
        )
        context = {**_compared(at, found), "row": row, "unticked": True, "failed": True}
        return render_template("workbook/changes.html", **context), 422
    result = workbook_changes.apply(
        session,
        at.one,
        at.definition,
        at.reach,
        row,
        chosen,
        _today(at.one),
        actor=identity,
        now=web.now(),
    )
    if not result.conflicts and not result.errors:
        here = redirect(url_for("workbook.page", company=company, assessment=assessment), 303)
        return web.notice(here, "workbook-taken" if result.saved else "workbook-same")
    return render_template("workbook/taken.html", **_taken(at, result)), 409


def _taken(at: _Open, result: Any) -> dict[str, Any]:
    """What was taken over, and where two answers stand now."""
    numbered, place = numbers(at.definition), answering_page.place(at.one, web.identity())

    def line(key: str, text: str) -> dict[str, str]:
        section = at.definition.section_of[key].key
        href = url_for("answering.section", section=section, **place)
        return {
            "href": f"{href}#q-{key}",
            "number": numbered[key],
            "text": at.definition.questions[key].text,
            "why": text,
        }

    people = organisations.people(web.db(), {clash.who for clash in result.conflicts.values()})

    def who(clash: Any) -> str:
        if clash.who == web.identity().person.id:
            return _("You answered this in the portal meanwhile.")
        name = people[clash.who].name if clash.who in people else _("A colleague")
        return _("%(who)s answered this meanwhile.", who=name)

    return {
        **asked_by(at.one),
        "one": at.one,
        "saved": len(result.saved),
        "conflicts": [line(key, who(clash)) for key, clash in result.conflicts.items()],
        "refused": [line(key, fault.first) for key, fault in result.errors.items()],
        "back": _back(at),
    }


@blueprint.post(f"{_UPLOAD}/discard")
@requires(Permission.ANSWER)
def discard(company: str, assessment: uuid.UUID, upload: uuid.UUID) -> Page:
    """Throw an upload away; the file on the person's own computer stays."""
    session, identity = web.db(), web.identity()
    at = _read(session, assessment, lock=True)
    row = workbook_uploads.upload(session, identity, at.one, upload)
    workbook_uploads.discard(session, row, actor=identity, now=web.now())
    return web.notice(
        redirect(url_for("workbook.page", company=company, assessment=assessment), 303), "workbook-away"
    )
