"""Where a ground can be mended: the link beside it that says what to do next."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal.access import Identity, Permission
from portal.gate.case import Case
from portal.gate.lines import Ground


def next_step(ground: Ground, case: Case, identity: Identity, of: int = 1) -> dict[str, Any] | None:
    """The place where somebody can do something about a ground that is not met, as far as the reader may go there.

    ``of``: how many alike are meant, where one line speaks of several.
    """
    assert identity.organisation is not None
    here: dict[str, Any] = {"organisation": identity.organisation.slug}
    place = {**here, "engagement": case.engagement.id}
    if ground.result == "met":
        return None
    if ground.code == "vendor":
        return _way(_("See the vendor"), "vendors.vendor", **here, vendor=case.vendor.id)
    if ground.code == "tier":
        may = identity.may(Permission.INTAKE)
        return _way(_("Answer the intake"), "intake.again", **place) if may else None
    outgrown = ground.code == "band" and ground.recorded("outgrown")  # only what is asked anew says more
    if (ground.code == "questionnaire" or outgrown) and identity.may(Permission.ISSUE):
        values = {**here, "vendor": case.vendor.id, "engagement": case.engagement.id}
        return _way(_("Issue it anew") if outgrown else _("Issue it"), "assessments.issue", **values)
    if ground.code in ("requirement", "evaluation"):
        endpoint = "schedule.page" if ground.code == "requirement" else "contracts.requirements"
        return _way(_("See the contract schedule"), endpoint, **place)
    if ground.code == "finding":
        if of > 1:
            return _way(_("See the findings"), "findings.list_page", **here, vendor=case.vendor.id)
        return _way(_("See the finding"), "finding.page", **here, finding=ground.subject)
    return _to_review(ground, case, here)


def _to_review(ground: Ground, case: Case, here: dict[str, Any]) -> dict[str, Any] | None:
    """What rests on answers is looked at in the review of the submission that they stand in."""
    slug, _colon, key = ground.subject.partition(":")
    submission = next((one.submission for one in case.facts.submitted if one.slug == slug), None)
    if submission is None or ground.code not in ("band", "knockout", "review", "unwritten", "proof"):
        return None
    show = {"knockout": "knockouts", "review": "unreviewed", "band": "lost"}.get(ground.code, "all")
    values = {**here, "submission": submission, "show": show}
    return _way(_("See the review"), "reviews.workspace_page", **values, **({"q": key} if key else {}))


def _way(label: Any, endpoint: str, **values: Any) -> dict[str, Any]:
    return {"label": label, "href": url_for(endpoint, **values)}
