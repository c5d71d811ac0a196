"""A helper's pages: what a link opens, one's own part of an assessment, and "I am finished"."""

from __future__ import annotations

import uuid
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import clock, csrf, web
from portal.access import CompanyRole, Permission, public, requires
from portal.assessments import answering_page, answering_round, delegation_link, queries
from portal.assessments.answering_desk import asked_by, desk
from portal.assessments.delegation_letters import titles
from portal.assessments.reach import covered
from portal.faults import Conflict
from portal.library import service as library
from portal.organisations import queries as organisations

Page = str | Response


@public
def link(token: str) -> Page:
    """Who asks, for which company and organisation, what, until when. Looking changes nothing."""
    session = web.db()
    row, one = delegation_link.by_token(session, token, now=web.now())
    definition = library.definition(session, one.content_hash)
    keys = covered(definition, row.keys)
    people = organisations.people(session, {row.created_by, row.person_id})
    signed_in = web.maybe_identity()
    return render_template(
        "delegation/link.html",
        token=token,
        one=one,
        row=row,
        asker=organisations.organisation_for_company(session, one.organisation_id).name,
        company=organisations.company_name(session, row.company_id),
        giver=people[row.created_by],
        person=people[row.person_id],
        sections=titles(session, one, row),
        count=len(definition.questions) if keys is None else len(keys),
        until=clock.local_date(row.expires_at or web.now(), one.zone),
        signed_in=signed_in.person if signed_in else None,
    )


@public
def enter(token: str) -> Page:
    """A session that can do nothing but this. An account that is signed in here stays so."""
    with web.portal().database.looking() as looking:
        delegation_link.by_token(looking, token, now=web.now())
    row, secret = delegation_link.open_link(
        web.db(), token, now=web.now(), agent=web.client_agent(), client=web.client_address()
    )
    slug = organisations.company_slug(web.db(), row.company_id)
    response = redirect(url_for("delegation.mine", company=slug, assessment=row.assessment_id), 303)
    csrf.set_session(response, secret, csrf.delegate_cookie())
    return response


@requires(Permission.SEE_QUESTIONS)
def mine(company: str, assessment: uuid.UUID) -> Page:
    """The sections of somebody who was given a part, how far each is, and what is missing."""
    identity = web.identity()
    one = queries.assessment(web.db(), identity, assessment)
    if identity.role is CompanyRole.OWNER:
        return redirect(url_for("answering.assessment", company=company, assessment=assessment), 303)
    return render_template("delegation/mine.html", **_part(one))


def _part(one: Any) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    at = desk(one)
    through = identity.delegated.id if identity.delegated else None
    rows = delegation_link.own(session, identity, one, through)
    done, total = at.progress
    givers = organisations.people(session, {row.created_by for row in rows})
    asking = asked_by(one)
    return {
        **asking,
        "one": one,
        "back": answering_round.came_back(at, asking["asker"]) if one.state == "open" else None,
        "rows": rows,
        "givers": givers,
        "link": through is not None,
        "open": one.state == "open",
        "rail": answering_page.rail(at),
        "groups": answering_page.gaps_by_section(at) if one.state == "open" else [],
        "done": done,
        "total": total,
        "next": answering_page.next_open(at),
        "finished": bool(rows) and all(row.finished_at is not None for row in rows),
    }


@requires(Permission.ANSWER)
def finish(company: str, assessment: uuid.UUID) -> Page:
    """ "I am finished": whoever gave the questions is written to. What is missing does not hinder it."""
    one = queries.assessment(web.db(), web.identity(), assessment, lock=True)
    if one.state != "open":
        raise Conflict("This questionnaire is closed.")
    delegation_link.finish(web.db(), web.identity(), one, now=web.now())
    here = redirect(url_for("delegation.mine", company=company, assessment=assessment), 303)
    return web.notice(here, "finished")


@requires(Permission.SEE_QUESTIONS)
def leave(company: str, assessment: uuid.UUID) -> Page:
    """A link's session ends in this browser; the link itself works on. Whoever has an account signs out elsewhere."""
    if request.form and web.identity().role is CompanyRole.DELEGATE:
        delegation_link.leave(web.db(), web.identity(), now=web.now())
        response = web.notice(redirect(url_for("accounts.front"), 303), "left")
        csrf.clear_session(response, csrf.delegate_cookie())
        return response
    queries.assessment(web.db(), web.identity(), assessment)
    return redirect(url_for("delegation.mine", company=company, assessment=assessment), 303)
