"""The owner's pages of delegation: who has what, giving more, and accepting what came through a link."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal import web
from portal.access import Identity, Permission, requires
from portal.assessments import acceptance, answering_moved, answering_page, delegation, queries
from portal.assessments.acceptance import Read
from portal.assessments.answering_cards import Desk, sealed_card
from portal.assessments.answering_desk import asked_by, desk
from portal.assessments.delegation_forms import Give, keys_of, offered
from portal.assessments.drafts import EMPTY
from portal.assessments.models import Assessment, Delegation
from portal.assessments.reach import WHOLE, Reach, covered, reach
from portal.faults import Invalid
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.paging import Page as Rows
from portal.paging import page_number
from questionnaires.definition import Questionnaire

Page = str | Response | tuple[str | Response, int]
SIZE = 20


@requires(Permission.DELEGATE)
def overview(company: str, assessment: uuid.UUID) -> Page:
    """Who has what, how far each has got, and whether a link still works."""
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment)
    at = desk(one)
    rows = delegation.listed(session, identity, one, page_number(request.args.get("page")), size=SIZE)
    people = organisations.people(
        session, {each for row in rows.rows for each in (row.person_id, row.created_by)}
    )
    waits = _asked(at, acceptance.waiting(session, identity, one.id)) if one.state == "open" else {}
    return render_template(
        "delegation/overview.html",
        **asked_by(one),
        one=one,
        open=one.state == "open",
        lines=[_line(at, row, people, set(waits)) for row in rows.rows],
        waiting=len(waits),
        pages=_pages(rows, one, company),
    )


def _asked(at: Desk, waits: dict[str, Read]) -> dict[str, Read]:
    """Without what waits at questions that a move to another version has taken away."""
    return {key: read for key, read in waits.items() if key in at.draft.definition.questions}


def _pages(rows: Rows[Delegation], one: Assessment, company: str) -> dict[str, Any] | None:
    if rows.last == 1:
        return None
    return rows.links(lambda n: url_for("delegation.overview", company=company, assessment=one.id, page=n))


def _line(at: Desk, row: Delegation, people: dict[uuid.UUID, Any], waits: set[str]) -> dict[str, Any]:
    """One delegation: the person, what it covers in words, how far, and the state of its link."""
    definition = at.draft.definition
    keys = covered(definition, row.keys)
    came = None if at.draft.asked is None else frozenset(at.draft.asked)
    reached = keys if came is None else came if keys is None else came & keys
    done, total = Reach(reached).progress(at.draft.look)
    written = {key for key, (held, _stale) in at.held.items() if held.delegation_id == row.id}
    over = row.expires_at is not None and row.expires_at <= web.now()
    return {
        "row": row,
        "person": people[row.person_id],
        "giver": people[row.created_by],
        "link": row.token_hash is not None,
        "what": _in_words(at, row),
        "done": done,
        "total": total,
        "waits": len(waits & written),
        "state": "revoked" if row.revoked_at else "over" if over else "open" if row.opened_at else "sent",
    }


def _in_words(at: Desk, row: Delegation) -> list[str]:
    """What a delegation names: titles of sections, numbers of questions; [] = everything."""
    if set(row.keys) == set(WHOLE):
        return []
    titles = {one.key: one.title for one in at.draft.definition.sections}
    named = [titles.get(key) or at.numbers.get(key) for key in row.keys]
    return [one for one in named if one]  # what a move has taken away has no number


# ----------------------------------------------------------------------------------------------------------- giving


@requires(Permission.DELEGATE)
def new(company: str, assessment: uuid.UUID) -> Page:
    """To whom, what, until when. The address may name what to give: ``?key=`` a section or a question."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if one.state != "open":
        return redirect(url_for("delegation.overview", company=company, assessment=assessment), 303)
    definition = library.definition(web.db(), one.content_hash)
    known = {each.key for each in definition.sections} | set(definition.questions)
    chosen = [key for key in request.args.getlist("key") if key in known]
    form = Give(what="some" if chosen else "all")
    return render_template("delegation/new.html", **_giving(one, form, chosen))


def _giving(one: Assessment, form: Give, chosen: list[str]) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    form.person.choices = [("", "")] + [
        (str(each.person.id), f"{each.person.name} ({web.ROLE_LABELS[each.role]})")
        for each in organisations.members(session, identity)
        if each.person.id != identity.person.id
    ]
    definition = library.definition(session, one.content_hash)
    return {
        **asked_by(one),
        "one": one,
        "form": form,
        "sections": offered(definition, chosen, _came(one, definition)),
    }


def _came(one: Assessment, definition: Questionnaire) -> Mapping[str, str] | None:
    """What came back in this round, which alone can be given away; None for everything."""
    return reach(web.db(), web.identity(), one, definition, web.now()).came


@requires(Permission.DELEGATE)
def give(company: str, assessment: uuid.UUID) -> Page:
    form = Give(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    keys = keys_of(form, request.form.getlist("key"))
    try:
        if not sound:
            raise Invalid
        if form.how.data == "colleague":
            colleague = web.uuid_or_404(form.person.data or "")
            delegation.to_colleague(
                session, one, colleague, keys, form.message.data or "", actor=identity, now=web.now()
            )
        else:
            delegation.by_link(
                session,
                one,
                name=form.name.data or "",
                address=form.email.data or "",
                keys=keys,
                days=form.days.data or 0,
                message=form.message.data or "",
                actor=identity,
                now=web.now(),
            )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        fresh = queries.assessment(web.db(), web.identity(), assessment)
        page = render_template("delegation/new.html", failed=True, **_giving(fresh, form, keys))
        return page, 422
    return web.notice(
        redirect(url_for("delegation.overview", company=company, assessment=assessment), 303), "given"
    )


@requires(Permission.DELEGATE)
def resend(company: str, assessment: uuid.UUID, delegation: uuid.UUID) -> Page:
    """A new letter with a new link; the earlier one stops working."""

    def again(session: Session, one: Assessment, row: Delegation, identity: Identity) -> None:
        service.resend(session, one, row, actor=identity, now=web.now())

    return _change(company, assessment, delegation, again, "link-resent")


@requires(Permission.DELEGATE)
def revoke(company: str, assessment: uuid.UUID, delegation: uuid.UUID) -> Page:
    """Take the questions back, at once; what was answered is kept."""

    def back(session: Session, one: Assessment, row: Delegation, identity: Identity) -> None:
        service.revoke(session, row, actor=identity, now=web.now())

    return _change(company, assessment, delegation, back, "questions-back")


service = delegation  # the views' parameters are called as the address calls them


def _change(
    company: str,
    assessment: uuid.UUID,
    which: uuid.UUID,
    change: Callable[[Session, Assessment, Delegation, Identity], None],
    notice: str,
) -> Page:
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    change(session, one, service.one(session, identity, one, which), identity)
    return web.notice(
        redirect(url_for("delegation.overview", company=company, assessment=assessment), 303), notice
    )


# -------------------------------------------------------------------------------------------------------- accepting


@requires(Permission.DELEGATE)
def waiting(company: str, assessment: uuid.UUID) -> Page:
    """Everything that came through a link and waits, to be read and accepted."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if one.state != "open":
        return redirect(url_for("delegation.overview", company=company, assessment=assessment), 303)
    return _waiting(one)


def _waiting(one: Assessment, changed: list[str] | None = None) -> str:
    session, identity = web.db(), web.identity()
    at = desk(one)
    waits = _asked(at, acceptance.waiting(session, identity, one.id))
    where = answering_page.place(one, identity)
    groups = []
    for number, section in enumerate(at.draft.definition.sections, 1):
        lines = [_waiting_line(at, each, waits[each.key]) for each in section.questions if each.key in waits]
        if lines:
            href = url_for("answering.section", **where, section=section.key)
            groups.append(
                {"number": number, "key": section.key, "title": section.title, "href": href, "lines": lines}
            )
    return render_template(
        "delegation/waiting.html",
        **asked_by(one),
        one=one,
        groups=groups,
        count=len(waits),
        changed=[at.numbers[key] for key in changed or []],
        failed=bool(changed),
    )


def _waiting_line(at: Desk, question: Any, read: Read) -> dict[str, Any]:
    content = at.draft.contents.get(question.key, EMPTY)
    row = at.held[question.key][0] if question.key in at.held else None
    return {
        "key": question.key,
        "card": sealed_card(at.draft.definition, question, at.numbers[question.key], content),
        "who": at.name(row.answered_by) if row else "",
        "through": at.through(row),
        "at": row.answered_at if row else None,
        "revision": read.revision,
        "documents": sorted(str(each) for each in read.documents),
        "hidden": question.key not in at.draft.look.visible,
    }


@requires(Permission.DELEGATE)
def accept(company: str, assessment: uuid.UUID) -> Page:
    """Accept one answer (``which=q.<key>``), those of a section (``s.<key>``) or all that the page showed.

    Only beside the questions of the version that the page showed, and only as they were read: ``r.<key>`` is the
    revision, ``d.<key>`` each document that stood there.
    """
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    answering_moved.require_current(one)
    definition = library.definition(session, one.content_hash)
    kind, _dot, key = request.form.get("which", "").partition(".")
    of_section = definition.section(key)
    chosen = (
        set(definition.questions)
        if kind == "all"
        else {each.key for each in of_section.questions}
        if kind == "s" and of_section
        else {key}
        if kind == "q"
        else set()
    )
    read = {
        each: _read(each)
        for each in sorted(chosen & set(definition.questions))
        if f"r.{each}" in request.form
    }
    if not read:
        raise Invalid("Choose what you accept.")
    result = acceptance.accept(session, one, read, actor=identity, now=web.now())
    if result.changed:
        return _waiting(one, result.changed), 409
    after = "delegation.waiting" if acceptance.waiting(session, identity, one.id) else "delegation.overview"
    return web.notice(redirect(url_for(after, company=company, assessment=assessment), 303), "accepted")


def _read(key: str) -> Read:
    """What the form says was read; anything that cannot be read is nothing that stands there."""
    text = request.form.get(f"r.{key}", "")
    revision = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    documents = set()
    for one in request.form.getlist(f"d.{key}"):
        try:
            documents.add(uuid.UUID(one))
        except ValueError:
            return Read(-1)
    return Read(revision, frozenset(documents))
