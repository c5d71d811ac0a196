"""What the company answered before: how much of it fits this assessment, and consent to use what others were told."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.assessments import answering_moved, answering_page, consent, queries
from portal.assessments.answering_desk import asked_by, desk
from portal.organisations import queries as organisations

blueprint = Blueprint("offers", __name__)
Page = str | Response
_EARLIER = "/c/<company>/assessments/<uuid:assessment>/earlier"


@blueprint.get(_EARLIER)
@requires(Permission.SEE_ASSESSMENT)
def earlier(company: str, assessment: uuid.UUID) -> Page:
    """By section, what was answered before and can be confirmed; for owners, the consent."""
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment)
    if one.state != "open":
        return redirect(answering_page.settled(one, identity), 303)
    at = desk(one, offered=True)
    where = answering_page.place(one, identity)
    kinds = {gap.key for gap in at.gaps if gap.kind == "suggested"}
    sections = []
    for number, section in enumerate(at.draft.definition.sections, 1):
        keys = [each.key for each in section.questions if each.key in kinds]
        if keys:
            sections.append(
                {
                    "number": number,
                    "title": section.title,
                    "href": url_for("answering.section", **where, section=section.key) + f"#q-{keys[0]}",
                    "count": len(keys),
                    "single": sum(at.offers[key].how != "section" for key in keys),
                }
            )
    given = consent.given(session, identity, one) if identity.may(Permission.SUBMIT) else None
    people = organisations.people(session, [given.given_by]) if given else {}
    return render_template(
        "answering/earlier.html",
        **asked_by(one),
        one=one,
        sections=sections,
        total=len(kinds),
        consent=given,
        consenter=people[given.given_by].name if given and given.given_by in people else "",
        may_submit=identity.may(Permission.SUBMIT),
    )


@blueprint.post(_EARLIER)
@requires(Permission.SUBMIT)
def allow(company: str, assessment: uuid.UUID) -> Response:
    """Give or take back the consent; field ``consent``: yes or no."""
    identity = web.identity()
    one = queries.assessment(web.db(), identity, assessment, lock=True)
    answering_moved.require_current(one)
    yes = request.form.get("consent") == "yes"
    (consent.give if yes else consent.withdraw)(web.db(), one, actor=identity, now=web.now())
    answer = redirect(url_for("offers.earlier", company=company, assessment=assessment), 303)
    return web.notice(answer, "consent-given" if yes else "consent-withdrawn")
