"""Addresses within the portal, ids in them, and how roles are called: what views say through ``web``."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from flask import redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from portal.access import CompanyRole, OrganisationRole
from portal.bodies import LONGEST_PATH
from portal.faults import NotFound


def local_path(target: str | None) -> str | None:
    """``target`` if it is a path of this portal, else None: nobody is sent elsewhere after sign-in."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return None
    if len(target) > LONGEST_PATH or not target.isprintable():
        return None
    return target


def tenant_home(side: str, slug: str) -> str:
    """The first page of an organisation or a company."""
    return f"/o/{slug}/" if side == "organisation" else f"/c/{slug}/"


def to_sign_in() -> WerkzeugResponse:
    """Off to sign-in, and back afterwards."""
    back = request.full_path.rstrip("?")
    return redirect("/sign-in?" + urlencode({"next": back}) if back != "/" else "/sign-in", 303)


def uuid_or_404(text: str) -> uuid.UUID:
    """An id typed or posted by a person; anything that is no UUID is simply not found."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


ROLE_LABELS: dict[OrganisationRole | CompanyRole, str] = {
    OrganisationRole.ADMIN: "Administrator",
    OrganisationRole.CISO: "CISO",
    OrganisationRole.REVIEWER: "Reviewer",
    OrganisationRole.PROCUREMENT: "Procurement",
    OrganisationRole.BUSINESS_OWNER: "Business owner",
    OrganisationRole.AUDITOR: "Auditor",
    CompanyRole.OWNER: "Owner",
    CompanyRole.CONTRIBUTOR: "Contributor",
    CompanyRole.DELEGATE: "By a link",
}
