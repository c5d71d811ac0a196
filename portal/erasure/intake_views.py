"""Proposing that the answers of one intake are destroyed."""

from __future__ import annotations

import uuid
from typing import Any

from flask import render_template, request

from portal import web
from portal.access import Permission, requires
from portal.erasure import queries
from portal.erasure.forms import Propose
from portal.erasure.service import Subject
from portal.erasure.views import Page, blueprint, common, propose


def _about(intake: uuid.UUID) -> dict[str, Any]:
    with web.portal().database.looking(web.identity().scope) as session:
        return {"about": queries.about(session, web.identity(), "intake", intake), "intake_id": intake}


@blueprint.get("/o/<organisation>/intakes/<uuid:intake>/erase")
@requires(Permission.ERASE)
def erase_intake(organisation: str, intake: uuid.UUID) -> Page:
    return render_template("erasure/intake.html", form=Propose(), **_about(intake), **common())


@blueprint.post("/o/<organisation>/intakes/<uuid:intake>/erase")
@requires(Permission.ERASE)
def propose_intake(organisation: str, intake: uuid.UUID) -> Page:
    about = _about(intake)
    return propose(Propose(request.form), Subject("intake", intake), "erasure/intake.html", **about)
