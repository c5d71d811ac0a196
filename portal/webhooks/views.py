"""Webhooks: the list, adding one (its secret is shown once), one with its log, and what can be done to it."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import outside, turns, web
from portal.access import Permission, requires
from portal.accounts import desk
from portal.accounts.forms import FirstPassword
from portal.faults import Conflict, Invalid
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.webhooks import queries, service
from portal.webhooks.forms import KIND_WORDS, AddWebhook, ChangeWebhook
from portal.webhooks.models import ON

blueprint = Blueprint("webhooks", __name__)
Page = str | Response | tuple[str, int]
ONE = "/o/<organisation>/webhooks/<uuid:webhook>"


@blueprint.get("/o/<organisation>/webhooks")
@requires(Permission.MANAGE_WEBHOOKS)
def listed(organisation: str) -> Page:
    form = AddWebhook(data={"id": str(uuid.uuid4())})
    return render_template("webhooks/list.html", form=form, **_list())


def _list() -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    rows = queries.listed(session, identity)
    return {
        "webhooks": rows,
        "counts": queries.counts(session, identity, [one.id for one in rows]),
        "most": service.MOST,
        "kind_words": KIND_WORDS,
    }


@blueprint.post("/o/<organisation>/webhooks")
@requires(Permission.MANAGE_WEBHOOKS)
def add(organisation: str) -> Page:
    """The one page that ever shows the secret. The address is judged and looked up before the transaction opens."""
    form, settings = AddWebhook(request.form), web.portal().settings
    form.current.validators = ()  # the proof may be another
    try:
        if not form.validate():
            raise Invalid
        desk.require_proof(web.identity().person, request.form)
        _judge(form.url.data or "")
        secret = service.add(
            web.db(),
            web.identity(),
            id=web.uuid_or_404(form.id.data or ""),
            url=form.url.data or "",
            kinds=form.kinds.data or (),
            settings=settings,
            now=web.now(),
        )
    except (Invalid, Conflict) as fault:
        web.undo()
        refused = fault if isinstance(fault, Invalid) else Invalid(fault.message)
        return web.form_page("webhooks/list.html", form, refused, **_list())
    return render_template("webhooks/secret.html", secret=secret, webhook_id=form.id.data, url=form.url.data)


def _judge(url: str) -> None:
    allow = web.portal().settings.outside_networks
    try:
        with turns.outside(str(web.identity().scope.organisation_id)):
            outside.resolved(outside.checked(url, allow=allow), allow=allow, seconds=4)
    except outside.Forbidden as refused:
        raise Invalid(errors={"url": str(refused)}) from None
    except outside.Failed:
        raise Invalid(errors={"url": outside.NOT_CALLED}) from None


@blueprint.get(ONE)
@requires(Permission.MANAGE_WEBHOOKS)
def page(organisation: str, webhook: uuid.UUID) -> Page:
    row = queries.webhook(web.db(), web.identity(), webhook)
    form = ChangeWebhook(data={"kinds": row.kinds, "on": row.state == ON})
    return render_template("webhooks/page.html", form=form, renewing=FirstPassword(), **_one(webhook))


def _one(webhook: uuid.UUID) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    row = queries.webhook(session, identity, webhook)
    page = queries.deliveries(session, identity, webhook, number=page_number(request.args.get("page")))
    tenant = identity.organisation
    assert tenant is not None
    place: dict[str, Any] = {"organisation": tenant.slug, "webhook": webhook}
    made_by = organisations.people(session, {row.created_by}).get(row.created_by)
    return {
        "webhook": row,
        "made_by": made_by.name if made_by is not None else "",
        "deliveries": page,
        "pages": page.links(lambda number: url_for(".page", page=number, **place)),
        "zone": organisations.organisation_of(session, identity).zone,
        "now": web.now(),
    }


@blueprint.post(ONE)
@requires(Permission.MANAGE_WEBHOOKS)
def change(organisation: str, webhook: uuid.UUID) -> Page:
    form = ChangeWebhook(request.form)
    try:
        if not form.validate():
            raise Invalid
        service.change(
            web.db(), web.identity(), webhook, kinds=form.kinds.data or (), on=form.on.data, now=web.now()
        )
    except Invalid as fault:
        web.undo()
        return web.form_page("webhooks/page.html", form, fault, renewing=FirstPassword(), **_one(webhook))
    return _back(organisation, webhook, "saved")


@blueprint.post(f"{ONE}/remove")
@requires(Permission.MANAGE_WEBHOOKS)
def remove(organisation: str, webhook: uuid.UUID) -> Page:
    service.remove(web.db(), web.identity(), webhook, now=web.now())
    return web.notice(redirect(url_for(".listed", organisation=organisation), 303), "webhook-removed")


@blueprint.post(f"{ONE}/test")
@requires(Permission.MANAGE_WEBHOOKS)
def test(organisation: str, webhook: uuid.UUID) -> Page:
    service.ping(web.db(), web.identity(), webhook, now=web.now())
    return _back(organisation, webhook, "webhook-tested")


@blueprint.post(f"{ONE}/secret")
@requires(Permission.MANAGE_WEBHOOKS)
def renew(organisation: str, webhook: uuid.UUID) -> Page:
    """Whoever has the secret can speak in the portal's name: so an open browser alone does not get it."""
    settings = web.portal().settings
    try:
        desk.require_proof(web.identity().person, request.form)
    except Invalid as fault:
        web.undo()
        renewing, known = FirstPassword(), _one(webhook)
        renewing.blame(fault)
        form = ChangeWebhook(data={"kinds": known["webhook"].kinds, "on": known["webhook"].state == ON})
        return web.form_page("webhooks/page.html", form, None, renewing=renewing, **known)
    secret = service.renew(web.db(), web.identity(), webhook, settings=settings, now=web.now())
    row = queries.webhook(web.db(), web.identity(), webhook)
    return render_template(
        "webhooks/secret.html", secret=secret, webhook_id=webhook, url=row.url, renewed=True
    )


@blueprint.post(f"{ONE}/deliveries/<uuid:delivery>/resend")
@requires(Permission.MANAGE_WEBHOOKS)
def resend(organisation: str, webhook: uuid.UUID, delivery: uuid.UUID) -> Page:
    service.resend(web.db(), web.identity(), webhook, delivery, now=web.now())
    return _back(organisation, webhook, "webhook-resent")


def _back(organisation: str, webhook: uuid.UUID, notice: str) -> Response:
    return web.notice(redirect(url_for(".page", organisation=organisation, webhook=webhook), 303), notice)
