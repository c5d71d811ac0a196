"""The company's pages before answering: home, one assessment, and all of its questions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import CompanyRole, Permission, requires
from portal.assessments import answering_page, answering_round, delegation, enquiry_queries, queries
from portal.assessments.answering_cards import Desk, numbers, preview_card
from portal.assessments.answering_desk import asked_by, closed, desk
from portal.assessments.enquiry_queries import ASKED
from portal.assessments.enquiry_words import KIND_WORDS
from portal.assessments.models import Assessment, Delegation
from portal.assessments.reach import reach
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.paging import page_number

OPEN_SIZE = 10
MOST_ASKED = 12
NEWS_FOR = timedelta(days=14)
SUBMITTED_SIZE = 10


@requires(Permission.SEE_COMPANY)
def home(company: str) -> str:
    """What waits for the company, the most urgent first and in full; what it has submitted; who is on the team."""
    session, identity = web.db(), web.identity()
    waiting = queries.open_assessments(
        session, identity, page_number(request.args.get("page")), size=OPEN_SIZE
    )
    sealed = queries.submitted_assessments(
        session, identity, page_number(request.args.get("submitted")), size=SUBMITTED_SIZE
    )
    names = queries.askers(session, [*waiting.rows, *sealed.rows])
    first = waiting.rows[0] if waiting.rows and waiting.number == 1 else None
    today = clock.local_date(web.now(), first.zone if first else "UTC")

    def here(page: int, submitted: int) -> str:
        return url_for("answering.home", company=company, page=page, submitted=submitted)

    return render_template(
        "answering/home.html",
        first=_summary(first, names[first.organisation_id]) if first else None,
        waiting=[_line(one, names) for one in waiting.rows if one is not first],
        waiting_total=waiting.total,
        waiting_pages=waiting.links(lambda n: here(n, sealed.number)) if waiting.last > 1 else None,
        sealed=[_line(one, names) for one in sealed.rows],
        sealed_total=sealed.total,
        sealed_pages=sealed.links(lambda n: here(waiting.number, n)) if sealed.last > 1 else None,
        near=queries.how_near(session, identity, today) if waiting.total > 1 else None,
        found=web.portal().waiting["remediation.list_page"](session, identity),
        **_asked([*waiting.rows, *sealed.rows], names),
        **_team(),
    )


@requires(Permission.SEE_ASSESSMENT)
def assessment(company: str, assessment: uuid.UUID) -> str | Response:
    """One assessment in full: what is asked, by whom, why, until when, how far, and what happens next."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if _narrow(one):
        return redirect(url_for("delegation.mine", company=company, assessment=assessment), 303)
    asker = queries.askers(web.db(), [one])[one.organisation_id]
    return render_template(
        "answering/assessment.html", first=_summary(one, asker), **asked_by(one), **_team()
    )


@requires(Permission.SEE_ASSESSMENT)
def questions(company: str, assessment: uuid.UUID) -> str | Response:
    """Every question, those with a condition too, to read before anybody answers."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if _narrow(one):
        return redirect(url_for("delegation.mine", company=company, assessment=assessment), 303)
    definition = library.definition(web.db(), one.content_hash)
    session, identity = web.db(), web.identity()
    held = queries.rows(session, identity, one.id)
    draft = queries.draft(session, identity, definition, one, held, web.now())
    numbered = numbers(definition)
    sections = [
        (
            number,
            section,
            [preview_card(draft, question, numbered[question.key]) for question in section.questions],
        )
        for number, section in enumerate(definition.sections, 1)
    ]
    return render_template(
        "answering/questions.html",
        **asked_by(one),
        one=one,
        sections=sections,
        count=len(definition.questions),
        conditional=sum(bool(card.because) for _number, _section, cards in sections for card in cards),
        kinds=sorted({card.evidence.kind for _n, _s, cards in sections for card in cards if card.evidence}),
    )


def _narrow(one: Assessment) -> bool:
    """Whether this person was given a part only: then the pages of the whole are not theirs."""
    definition = library.definition(web.db(), one.content_hash)
    return not reach(web.db(), web.identity(), one, definition, web.now()).whole


def _summary(one: Assessment, asker: str) -> dict[str, Any]:
    """What the full card of an assessment says."""
    session, identity = web.db(), web.identity()
    definition = library.definition(session, one.content_hash)
    at = desk(one, offered=True) if one.state == "open" else None
    person = organisations.people(session, [one.issued_by]).get(one.issued_by)
    given = delegation.live(session, identity, one.id) if at and identity.may(Permission.DELEGATE) else []
    return {
        "one": one,
        "asker": asker,
        "closed": closed(one, asker),
        "asking": len(enquiry_queries.open_ones(session, identity, one.id)),
        "issuer": person.name if person else asker,
        "issuer_address": person.email if person else "",
        "today": clock.local_date(web.now(), one.zone),
        "questions": len(definition.questions),
        "sections": len(definition.sections),
        "place": answering_page.place(one, web.identity()),
        "rail": answering_page.rail(at) if at else [],
        "back": answering_round.came_back(at, asker) if at else None,
        "to_go": _to_go(at) if at else None,
        "choices": len(answering_page.choices(at, queries.open_choices(session, identity, one.id)))
        if at
        else 0,
        "whole": at.reach.whole if at else True,
        "helpers": len(given),
        "alone": at is not None and identity.may(Permission.DELEGATE) and _alone(given),
    }


def _to_go(at: Desk) -> dict[str, Any]:
    """How far a draft is, as far as the viewer answers it, and where to go on."""
    kinds = [gap.kind for gap in at.gaps]
    answered, total = at.progress
    return {
        "answered": answered,
        "total": total,
        "waiting": sum(kind == "unaccepted" for kind in kinds),
        "missing": sum(kind in ("unanswered", "suggested", "outdated") for kind in kinds),
        "suggested": sum(kind == "suggested" for kind in kinds),
        "promises": sum(kind in ("promise", "promise_past") for kind in kinds),
        "next": answering_page.next_open(at),
    }


def _alone(given: Iterable[Delegation]) -> bool:
    """Whether there are contributors, and none of them sees this assessment yet."""
    helpers = {
        member.person.id
        for member in organisations.members(web.db(), web.identity())
        if member.role is CompanyRole.CONTRIBUTOR
    }
    return bool(helpers) and not helpers & {row.person_id for row in given}


def _asked(some: list[Assessment], names: dict[uuid.UUID, str]) -> dict[str, Any]:
    """What waits on whom: what was settled in these two weeks, and what an organisation has not answered yet."""
    session, identity, now = web.db(), web.identity(), web.now()
    by_id = {one.id: one for one in some}
    threads = enquiry_queries.of_assessments(session, identity, some, most=MOST_ASKED) if some else []
    if identity.role is not CompanyRole.OWNER:  # the others may have been given some questions only
        threads = [one for one in threads if one.enquiry.asked_by == identity.person.id]
    lines: list[dict[str, Any]] = [
        {
            "thread": thread,
            "one": by_id[thread.enquiry.assessment_id],
            "asker": names[by_id[thread.enquiry.assessment_id].organisation_id],
            "place": answering_page.place(by_id[thread.enquiry.assessment_id], identity),
        }
        for thread in threads
    ]
    news = [
        line
        for line in lines
        if (at := line["thread"].enquiry.settled_at) is not None and now - at < NEWS_FOR
    ]
    return {
        "told": news,
        "asked_of_you": [line for line in lines if line["thread"].enquiry.state == ASKED],
        "asked_of_them": [line for line in lines if line["thread"].enquiry.state == "open"],
        "kinds": KIND_WORDS,
    }


def _line(one: Assessment, names: dict[uuid.UUID, str]) -> dict[str, Any]:
    return {
        "one": one,
        "asker": names[one.organisation_id],
        "today": clock.local_date(web.now(), one.zone),
        "place": answering_page.place(one, web.identity()),
        "closed": closed(one, names[one.organisation_id]),
    }


def _team() -> dict[str, Any]:
    """Who belongs to the company, what they may do, and how much of the open work they have answered."""
    session, identity = web.db(), web.identity()
    counts = queries.answers_by_person(session, identity)
    return {
        "team": [
            {
                "name": member.person.name,
                "owner": member.role is CompanyRole.OWNER,
                "me": member.person.id == identity.person.id,
                "answers": counts.get(member.person.id, 0),
            }
            for member in organisations.members(session, identity)
        ],
        "may_submit": identity.may(Permission.SUBMIT),
    }
