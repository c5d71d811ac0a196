"""The organisation's own clause texts: the list, one with its versions, a new version."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.contracts import clause_queries, clause_texts
from portal.contracts.clauses import filled
from portal.contracts.schedule_forms import ClauseForm
from portal.faults import Conflict, Invalid
from portal.organisations import queries as organisations
from questionnaires import requirements

blueprint = Blueprint("clauses", __name__)
Page = str | Response | tuple[str, int]


@blueprint.get("/o/<organisation>/clauses")
@requires(Permission.SEE_CONTRACT)
def page(organisation: str) -> Page:
    every = requirements.load().requirements
    own = clause_queries.newest_clauses(web.db(), web.identity(), [one.key for one in every])
    topics: dict[str, list[requirements.Requirement]] = {}
    for one in every:
        topics.setdefault(one.topic, []).append(one)
    return render_template("contracts/clauses.html", topics=topics, own=own, total=len(every))


@blueprint.get("/o/<organisation>/clauses/<key>")
@requires(Permission.SEE_CONTRACT)
def clause(organisation: str, key: str) -> Page:
    return _page(key, None)


@blueprint.post("/o/<organisation>/clauses/<key>")
@requires(Permission.CONTRACT)
def save(organisation: str, key: str) -> Page:
    form = ClauseForm(request.form)
    try:
        if not form.validate():
            raise Invalid(errors={})
        row = clause_texts.save(
            web.db(), key, form.text.data or "", base=form.number, actor=web.identity(), now=web.now()
        )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return _page(key, form), 422
    except Conflict as fault:
        web.undo()
        form.form_errors = [fault.message]
        return _page(key, form), 409
    code = "nothing-changed" if row is None else "saved"
    return web.notice(redirect(url_for(".clause", organisation=organisation, key=key), 303), code)


def _page(key: str, form: ClauseForm | None) -> str:
    session, identity = web.db(), web.identity()
    requirement = clause_texts.requirement(key)
    versions = clause_queries.clause_versions(session, identity, key)
    number, text = (versions[0][0].sequence, versions[0][1]) if versions else (0, None)
    failed = form is not None
    if form is None:
        form = ClauseForm(data={"text": text or requirement.clause})
    form.base.data = str(number)
    ours = organisations.organisation_of(session, identity)
    return render_template(
        "contracts/clause.html",
        requirement=requirement,
        versions=versions,
        own=text is not None,
        form=form,
        failed=failed,
        ours=ours,
        people=organisations.people(session, {row.created_by for row, _text in versions}),
        example=filled(text or requirement.clause, organisation=ours.name, vendor="Example Ltd"),
    )
