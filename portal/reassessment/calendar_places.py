"""Where one acts on what is due: the address of its page, and what the link is called."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal.reassessment.agenda import Item


def place(item: Item, slug: str, *, today: date) -> tuple[str, str]:
    """(address, words) of the page of an organisation where one acts on it."""
    here: dict[str, Any] = {"organisation": slug}
    if item.kind in ("assessment", "campaign"):
        return url_for("assessments.assessment", **here, assessment=item.source), str(_("See the assessment"))
    if item.kind == "review":
        return url_for("reviews.workspace_page", **here, submission=item.source), str(_("See the review"))
    if item.kind == "finding":
        return url_for("finding.page", **here, finding=item.source), str(_("See the finding"))
    if item.kind == "incident":
        return url_for("incidents.page", **here, incident=item.source), str(_("See the incident"))
    if item.kind == "trigger":
        return url_for("triggers.list_page", **here), str(_("Decide about it"))
    if item.kind == "evidence":
        return url_for("ending.list_page", **here, until=_until((item.due - today).days)), str(
            _("Ask for the newer one")
        )
    if item.kind in ("decision", "condition", "exception"):
        return url_for("gate.page", **here, engagement=item.engagement_id), str(_("See the gate"))
    return url_for("vendors.engagement", **here, engagement=item.engagement_id), str(_("See the engagement"))


def _until(days: int) -> str:
    """Which tab of the documents that end shows one that ends in so many days."""
    if days < 0:
        return "past"
    return next((str(most) for most in (30, 60) if days <= most), "365")


def company_place(item: Item, slug: str) -> tuple[str, str]:
    """The same for a company."""
    if item.kind == "finding":
        return url_for("remediation.page", company=slug, finding=item.source), str(_("See the finding"))
    if item.kind == "evidence":
        return url_for("evidence.library", company=slug), str(_("See your documents"))
    return url_for("answering.assessment", company=slug, assessment=item.source), str(_("Answer"))
