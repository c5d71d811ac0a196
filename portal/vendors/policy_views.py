"""The policy of an organisation: what is in force, changing it, its history, and the second person's say."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from portal import web
from portal.access import OrganisationRole, Permission, requires
from portal.faults import Conflict, Invalid
from portal.library import service as library
from portal.organisations import four_eyes
from portal.organisations import queries as organisations
from portal.vendors import policy_queries, policy_service
from portal.vendors import policy_words as words
from portal.vendors.facts import TIERS
from portal.vendors.models import PolicyProposal, PolicyVersion
from portal.vendors.policy import DECIDERS, LEVELS, REGIMES, RISKS, Policy
from portal.vendors.policy_parsing import parse, read

blueprint = Blueprint("policy", __name__)
Page = str | Response | tuple[str, int]
LISTS = ("questionnaires", "with_personal_data", "evidence", "roles")
NUMBERS = (
    "evidence_days",
    "months",
    "clear_level",
    "condition_level",
    "fix_days",
    "approvals",
    "valid_months",
)
CODES = ("review", "worst_finding", "must")
VERSIONS = "versions."  # and the slug: names of fields


@blueprint.get("/o/<organisation>/policy")
@requires(Permission.SEE_POLICY)
def page(organisation: str) -> Page:
    session, identity = web.db(), web.identity()
    assert identity.organisation is not None
    found = policy_queries.in_force(session, identity)
    waiting = policy_queries.waiting(session, identity)
    history = policy_queries.history(session, identity)
    hinders = ""
    if waiting is not None:
        hinders = four_eyes.look(session, identity, now=web.now()).sentence(
            waiting.proposed_by, Permission.MANAGE_POLICY, proposed_at=waiting.proposed_at
        )
    return render_template(
        "policy/page.html",
        policy=found,
        history=history,
        waiting=waiting,
        waiting_changes=_changes(found, read(waiting.content, 0)) if waiting else [],
        people=_people(history, waiting),
        own_proposal=waiting is not None and waiting.proposed_by == identity.person.id,
        hinders=hinders,
        unnamed=_unnamed(found),
        **_reading(),
    )


@blueprint.get("/o/<organisation>/policy/versions/<int:sequence>")
@requires(Permission.SEE_POLICY)
def version(organisation: str, sequence: int) -> Page:
    """One version as it was, and what it changed."""
    session, identity = web.db(), web.identity()
    row = policy_queries.version(session, identity, min(sequence, 2**31 - 1))
    found = policy_queries.parsed(row)
    return render_template(
        "policy/version.html",
        row=row,
        policy=found,
        changes=_changes(policy_queries.before(session, identity, row.sequence), found),
        people=_people([row], None),
        **_reading(),
    )


@blueprint.get("/o/<organisation>/policy/edit")
@requires(Permission.MANAGE_POLICY)
def edit(organisation: str) -> Page:
    return _form(_current(), {})


@blueprint.post("/o/<organisation>/policy/edit")
@requires(Permission.MANAGE_POLICY)
def save(organisation: str) -> Page:
    """First what would change, in words; with ``go=save`` it is saved."""
    posted = request.form
    base = _base(posted)
    if posted.get("go") == "back":
        web.undo()
        return _form(_raw(posted), {}, base=base)
    try:
        new = parse(_raw(posted))
        if posted.get("go") != "save":
            web.undo()
            return _look(new, base)
        row = policy_service.save(web.db(), new, base=base, actor=web.identity(), now=web.now())
    except Invalid as fault:
        web.undo()
        return _form(_raw(posted), fault.errors, base=base, message=fault.message), 422
    code = (
        "nothing-changed"
        if row is None
        else "policy-proposed"
        if isinstance(row, PolicyProposal)
        else "policy-saved"
    )
    return _to_page(organisation, code)


@blueprint.post("/o/<organisation>/policy/proposals/<uuid:proposal>")
@requires(Permission.MANAGE_POLICY)
def settle(organisation: str, proposal: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    what = request.form.get("do", "")
    if what == "approve":
        policy_service.approve(session, proposal, actor=identity, now=web.now())
        return _to_page(organisation, "policy-saved")
    if what != "refuse":
        policy_queries.proposal(session, identity, proposal)  # a stranger's stays not found
        raise Conflict(_("The page that you sent does not say what you decided. Load it again."))
    policy_service.refuse(session, proposal, actor=identity, now=web.now())
    return _to_page(organisation, "policy-refused")


# ------------------------------------------------------------------------------------------------------ what is shown


def _titles() -> dict[str, str]:
    return policy_service.demandable(web.db(), web.identity())


def _versions() -> dict[str, dict[str, str]]:
    """The organisation's own versions: slug -> content hash -> title and number, newest first."""
    found: dict[str, dict[str, str]] = {}
    for one in library.own_versions(web.db(), web.identity()):
        found.setdefault(one.slug, {})[one.content_hash] = f"{one.title}, {one.version}"
    return found


def _unnamed(found: Policy) -> list[str]:
    """Released versions of demanded questionnaires that do not count."""
    return [
        name
        for slug, versions in _versions().items()
        if slug in found.demanded
        for content_hash, name in versions.items()
        if not found.counts(slug, content_hash)
    ]


def _all_titles() -> dict[str, str]:
    """``_titles`` by slug, and own versions by hash."""
    return _titles() | {key: name for versions in _versions().values() for key, name in versions.items()}


def _changes(old: Policy, new: Policy) -> list[words.Change]:
    return words.changes(old, new, _all_titles())


def _reading() -> dict[str, Any]:
    """What every page that shows a policy needs."""
    titles = _all_titles()
    return {
        "tiers": TIERS,
        "tier_words": words.TIER_WORDS,
        "levels": LEVELS,
        "level_words": words.LEVEL_WORDS,
        "risk_words": words.RISK_WORDS,
        "groups": words.GROUPS,
        "fields": words.FIELDS,
        "why": words.WHY,
        "regime_words": words.REGIMES,
        "value_words": lambda name, value: words.value_words(name, value, titles),
        "zone": organisations.organisation_of(web.db(), web.identity()).zone,
    }


def _people(history: list[PolicyVersion], waiting: PolicyProposal | None) -> Mapping[uuid.UUID, Any]:
    ids = {one for row in history for one in (row.created_by, row.approved_by) if one is not None}
    return organisations.people(web.db(), ids | ({waiting.proposed_by} if waiting else set()))


def _look(new: Policy, base: int) -> Page:
    """What saving would do, with everything that was typed in hidden fields."""
    session, identity = web.db(), web.identity()
    old, new = policy_service.completed(session, identity, new)
    if old.sequence != base:
        raise Conflict(policy_service.MOVED_ON)
    found = _changes(old, new)
    hidden = [
        (name, value)
        for name in request.form
        if name not in ("csrf_token", "go")
        for value in request.form.getlist(name)
    ]
    return render_template(
        "policy/look.html",
        changes=found,
        looser=[one for one in found if one.looser],
        number=old.sequence + 1,
        hidden=hidden,
        waiting=policy_queries.waiting(session, identity),
        effects=web.portal().policy_effects(session, identity, new, now=web.now()) if found else None,
    )


def _form(
    raw: Mapping[str, Any], errors: Mapping[str, str], *, base: int | None = None, message: str = ""
) -> str:
    """The form with values in the shape of ``Policy.to_json``, or whatever was posted in that shape."""
    titles = _titles()
    held = {slug for tier in TIERS for name in LISTS[:2] for slug in raw["tiers"][tier][name]}
    slugs = [*titles.items(), *((slug, slug) for slug in sorted(held - set(titles)))]
    several = {
        "questionnaires": slugs,
        "with_personal_data": slugs,
        "evidence": words.evidence_choices(),
        "roles": [(one, str(web.ROLE_LABELS[OrganisationRole(one)])) for one in DECIDERS],
    }
    return render_template(
        "policy/edit.html",
        raw=raw,
        errors=errors,
        message=message,
        failed=bool(errors or message),
        base=_sequence() if base is None else base,
        several=several,
        regimes=[(one, words.REGIMES[one]) for one in REGIMES],
        versions=_demanded_versions(),
        choices=words.CHOICES,
        risks=RISKS,
        **_reading(),
    )


def _demanded_versions() -> dict[str, dict[str, str]]:
    """Own versions of what the policy in force demands: which of them count is a question then."""
    demanded = policy_queries.in_force(web.db(), web.identity()).demanded
    return {slug: found for slug, found in _versions().items() if slug in demanded}


def _sequence() -> int:
    return policy_queries.in_force(web.db(), web.identity()).sequence


def _current() -> dict[str, Any]:
    return policy_queries.in_force(web.db(), web.identity()).to_json()


def _to_page(organisation: str, code: str) -> Response:
    return web.notice(redirect(url_for(".page", organisation=organisation), 303), code)


# ------------------------------------------------------------------------------------------------------ what is posted


def _base(posted: MultiDict[str, str]) -> int:
    number = _number(posted.get("base", ""))
    if not isinstance(number, int):
        raise Conflict(_("The page that you sent does not say what it rests on. Load it again."))
    return number


def _raw(posted: MultiDict[str, str]) -> dict[str, Any]:
    """Posted fields in the shape of ``Policy.to_json``; what is no number stays a text, for ``parse`` to refuse."""
    tiers = {
        tier: {
            **{name: posted.getlist(f"{tier}.{name}") for name in LISTS},
            **{name: _number(posted.get(f"{tier}.{name}", "")) for name in NUMBERS},
            **{name: posted.get(f"{tier}.{name}", "") for name in CODES},
        }
        for tier in TIERS
    }
    matrix = {
        tier: {str(level): posted.get(f"matrix.{tier}.{level}", "") for level in LEVELS} for tier in TIERS
    }
    versions = {
        name.removeprefix(VERSIONS): posted.getlist(name) for name in posted if name.startswith(VERSIONS)
    }
    return {
        "tiers": tiers,
        "matrix": matrix,
        "intake_required": posted.get("intake_required") == "yes",
        "regimes": posted.getlist("regimes"),
        "versions": versions,
    }


def _number(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else text[:20]
