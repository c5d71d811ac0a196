"""Reading everything once more, signing for it, and the receipt."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField

from portal import web
from portal.access import Permission, requires
from portal.assessments import (
    answering_page,
    answering_round,
    documents,
    queries,
    returning,
    sealing,
    service,
    submitting,
    turn_words,
    turns,
)
from portal.assessments.answering_cards import Card, Desk, documents_beside, sealed_card
from portal.assessments.answering_desk import asked_by, desk
from portal.assessments.drafts import EMPTY
from portal.assessments.models import Assessment
from portal.assessments.service import AlreadySubmitted, Attestation, Changed, Incomplete
from portal.faults import Fault, Invalid
from portal.forms import Form, line
from portal.library import service as library
from portal.organisations import queries as organisations
from questionnaires.definition import Question
from questionnaires.visibility import earned_findings

Page = str | Response | tuple[str | Response, int]
TEMPLATE = "answering/review.html"


class Sign(Form):
    """The attestation. What is missing is said by the service, so that every door says the same."""

    name = line("Name of the person who signs")
    role = line("What this person does in the company", description="Such as “Managing director”.")
    agreed = BooleanField("Declaration")
    seen = HiddenField()


@requires(Permission.SEE_ASSESSMENT)
def review(company: str, assessment: uuid.UUID) -> Page:
    """All answers as they would be sealed; owners sign here, others see who can."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if one.state != "open":
        return redirect(answering_page.settled(one, web.identity()), 303)
    if not desk(one).reach.whole:
        return redirect(url_for("delegation.mine", company=company, assessment=assessment), 303)
    return render_template(TEMPLATE, form=Sign(name=web.identity().person.name), **_reading(one))


@requires(Permission.SUBMIT)
def sign(company: str, assessment: uuid.UUID) -> Page:
    """Seal and send. A second press finds the answers sealed and says so."""
    form = Sign(request.form)
    sound = form.validate()
    identity = web.identity()
    declared = submitting.statement(identity) if form.agreed.data else ""
    one = queries.assessment(web.db(), identity, assessment, lock=True)
    try:
        if one.state == "open" and not sound:
            raise Invalid
        service.submit(
            web.db(),
            one,
            Attestation(form.name.data or "", form.role.data or "", declared),
            actor=identity,
            now=web.now(),
            consequences=web.portal().consequences,
            seen=form.seen.data,
        )
    except AlreadySubmitted:
        web.undo()
        return render_template("answering/late.html", **asked_by(one), one=one, cards=[], failed=True), 409
    except (Changed, Incomplete, Invalid) as fault:
        return _again(one, form, fault)
    answer = redirect(url_for("answering.receipt", company=company, assessment=assessment), 303)
    return web.notice(answer, "submitted")


@requires(Permission.SEE_ASSESSMENT)
def receipt(company: str, assessment: uuid.UUID) -> Page:
    """What was sealed, when, by whom, its hash, and a check of that hash made for this page."""
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, whole=True)
    if one.state != "submitted" and one.round == 1:
        return redirect(url_for("answering.assessment", company=company, assessment=assessment), 303)
    rounds = queries.rounds(session, identity, one)
    submission = queries.submission(session, identity, one, answering_page.chosen_round(rounds))
    signed = queries.attestation(session, identity, submission)
    sealed = queries.sealed(session, identity, submission)
    papers = queries.papers(session, identity, submission)
    definition = library.definition(session, submission.content_hash)
    people = organisations.people(session, {submission.sealed_by, one.issued_by})
    return render_template(
        "answering/receipt.html",
        **asked_by(one),
        one=one,
        submission=submission,
        rounds=rounds,
        returns=returning.scopes(session, identity, one),
        me=identity.person.id,
        attestation=json.loads(signed.attestation) if signed else None,
        submitter=people.get(submission.sealed_by),
        issuer=people.get(one.issued_by),
        proof=(proof := sealing.verify(submission, sealed.values(), signed, papers)),
        sealed_documents=documents.sealed(definition, papers, proof),
        listed=len(json.loads(submission.commitments)),
        sections=[
            (number, each)
            for number, each in enumerate(definition.sections, 1)
            if any(q.key in sealed for q in each.questions)
        ],
    )


def _again(one: Assessment, form: Sign, fault: Fault) -> Page:
    """The review once more with what is wrong; nothing was written."""
    web.undo()
    if isinstance(fault, Invalid) and not isinstance(fault, Incomplete):
        form.blame(fault)
    else:
        form.form_errors = [fault.message]
    fresh = queries.assessment(web.db(), web.identity(), one.id)
    page = render_template(TEMPLATE, form=form, failed=True, **_reading(fresh))
    return page, 409 if isinstance(fault, Changed) else 422


def _reading(one: Assessment) -> dict[str, Any]:
    """What the review shows: every visible question with its answer as text, the gaps, who may sign."""
    session, identity = web.db(), web.identity()
    at = desk(one)
    where = answering_page.place(one, identity)
    visible = at.draft.look.visible
    sections: list[dict[str, Any]] = [
        {
            "number": number,
            "title": section.title,
            "href": url_for("answering.section", **where, section=section.key)
            if at.reach.section(section) is not None
            else "",
            "cards": [_read_card(at, each) for each in section.questions if each.key in visible],
        }
        for number, section in enumerate(at.draft.definition.sections, 1)
        if section.key in at.draft.look.visible_sections
    ]
    cards = [card for section in sections for card in section["cards"]]
    coming = turns.coming(session, identity, one.id, at.draft)
    asking = asked_by(one)
    return {
        **asking,
        "one": one,
        "progress": at.progress,
        "back": answering_round.came_back(at, asking["asker"]),
        "judged_hidden": len(set(returning.insisted(session, one, at.draft)) - visible),
        "groups": answering_page.gaps_by_section(at),
        "sections": sections,
        "findings": sum(len(card.findings) for card in cards),
        "promised": sum(card.evidence is not None for card in cards),
        "left_out": sum(
            not content.blank and key not in visible for key, content in at.draft.contents.items()
        ),
        "choices": answering_page.choices(at, queries.open_choices(session, identity, one.id)),
        "rail": answering_page.rail(at),
        # What the organisation will be told beside the answers, so that nobody is told of without knowing it.
        "turned": list(turn_words.turned(at.draft.definition, at.draft.contents, coming).values()),
        "seen": submitting.fingerprint(at.draft, coming),
        "may_submit": identity.may(Permission.SUBMIT),
        "owners": organisations.company_owners(session, identity.company.id) if identity.company else [],
        "statement": submitting.statement(identity),
    }


def _read_card(at: Desk, question: Question) -> Card:
    draft = at.draft
    earned = earned_findings(question, draft.visible_answers, draft.facts, draft.as_of)
    content = draft.contents.get(question.key, EMPTY)
    beside = documents_beside(at, question)
    return sealed_card(draft.definition, question, at.numbers[question.key], content, earned, beside)
