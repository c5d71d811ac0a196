"""The contract requirements of an engagement: what its contract has to say, what is open, what is not needed."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.contracts import queries, service
from portal.contracts.clauses import filled
from portal.organisations import queries as organisations
from portal.vendors import queries as vendors
from portal.vendors.facts import label_of

blueprint = Blueprint("contracts", __name__)


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/requirements")
@requires(Permission.SEE_VENDORS)
def requirements(organisation: str, engagement: uuid.UUID) -> str:
    session, identity = web.db(), web.identity()
    subject = vendors.engagement(session, identity, engagement)
    vendor = vendors.vendor(session, identity, subject.vendor_id)
    ours = organisations.organisation_of(session, identity)
    newest = queries.newest(session, identity, [subject.id]).get(subject.id)
    points = queries.points(session, [newest] if newest else [], "organisation")
    return render_template(
        "contracts/requirements.html",
        engagement=subject,
        vendor=vendor,
        ours=ours,
        evaluation=newest,
        points=points,
        outdated=service.outdated(session, newest, subject, vendor, ours) if newest else (),
        fact_labels=lambda point: [label_of(name) for name in point.open_facts],
        clause=lambda text: filled(text, organisation=ours.name, vendor=vendor.name),
    )


@blueprint.post("/o/<organisation>/engagements/<uuid:engagement>/requirements")
@requires(Permission.MANAGE_VENDORS)
def evaluate(organisation: str, engagement: uuid.UUID) -> Response:
    session, identity = web.db(), web.identity()
    subject = vendors.engagement(session, identity, engagement)
    service.evaluate_engagement(session, subject, actor=identity, now=web.now())
    back = url_for("contracts.requirements", organisation=organisation, engagement=engagement)
    return web.notice(redirect(back, 303), "evaluated")
