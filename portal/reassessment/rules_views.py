"""The rules of the audit cycle: what is in force, changing it after a look at what differs, and its versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.clock import local_date
from portal.faults import Conflict, Invalid, Refused
from portal.organisations import queries as organisations
from portal.reassessment import outlook, rules, rules_queries, rules_service, rules_words
from portal.reassessment.foreseen_lines import OPENED, TOLD
from portal.reassessment.kinds import KINDS, OWN
from portal.reassessment.rules_parsing import BY_TIER, NUMBERS, parse, pulls
from portal.reassessment.rules_shape import EVERY, LATE, OPENINGS, REASSESS, TRIGGERS, Rules
from portal.reassessment.rules_text import steps_of, text_of
from portal.vendors.facts import TIERS
from portal.vendors.policy_words import TIER_WORDS

blueprint = Blueprint("rules", __name__)
Page = str | Response | tuple[str, int]
_ALL = "/o/<organisation>/calendar/rules"
TYPED = tuple(kind for kind in KINDS if kind not in OWN)  # kinds whose ladders stand in the rules
PLACES = (EVERY, *TIERS)
DAYS = 30  # ahead that a look at a draft counts
LONGEST = 4000  # letters of one ladder as it is typed


@blueprint.get(_ALL)
@requires(Permission.SEE_POLICY)
def page(organisation: str) -> Page:
    """The rules in force and their versions; ``?change=1`` is the form, for who may change them."""
    session, identity = web.db(), web.identity()
    assert identity.organisation is not None
    found = rules.current(session, identity.organisation.id)
    if request.args.get("change") and identity.may(Permission.MANAGE_CYCLE):
        return _form(_fields(found), {}, base=found.sequence)
    history = rules_queries.history(session, identity)
    own = organisations.organisation_of(session, identity)
    return render_template(
        "reassessment/rules.html",
        found=found,
        history=history,
        people=organisations.people(session, {one.created_by for one in history}),
        since=own.cycle_since,
        zone=own.zone,
        **_words(),
    )


@blueprint.get(f"{_ALL}/<int:sequence>")
@requires(Permission.SEE_POLICY)
def version(organisation: str, sequence: int) -> Page:
    """One version as it was, and what it changed."""
    session, identity = web.db(), web.identity()
    row = rules_queries.version(session, identity, min(sequence, 2**31 - 1))
    found = rules_queries.rules_at(session, identity, row.sequence)
    before = rules_queries.rules_at(session, identity, row.sequence - 1)
    return render_template(
        "reassessment/rules_version.html",
        row=row,
        found=found,
        changes=rules_words.changes(before, found),
        people=organisations.people(session, {row.created_by}),
        zone=organisations.organisation_of(session, identity).zone,
        **_words(),
    )


@blueprint.post(_ALL)
@requires(Permission.MANAGE_CYCLE)
def save(organisation: str) -> Page:
    """First what would change, in words; with ``go=save`` it is saved."""
    posted = request.form
    session, identity = web.db(), web.identity()
    assert identity.organisation is not None
    base = _base(posted)
    if posted.get("go") == "back":
        web.undo()
        return _form(_posted(posted), {}, base=base)
    try:
        before = rules.current(session, identity.organisation.id)
        draft = parse(_raw(posted, before))
        if posted.get("go") != "save":
            web.undo()
            return _look(before, draft, base)
        rules_service.save(session, draft, base=base, actor=identity, now=web.now())
    except (Invalid, Refused) as fault:
        web.undo()
        errors = dict(fault.errors) if isinstance(fault, Invalid) else {}
        return _form(_posted(posted), errors, base=base, message=fault.message), 422
    return web.notice(redirect(url_for(".page", organisation=organisation), 303), "cycle-saved")


# ------------------------------------------------------------------------------------------------------ what is shown


def _words() -> dict[str, Any]:
    return {
        "tiers": TIERS,
        "tier_words": TIER_WORDS,
        "fields": rules_words.FIELDS,
        "choices": rules_words.CHOICES,
        "trigger_names": rules_words.TRIGGER_WORDS,
        "trigger_words": rules_words.trigger_words,
        "kinds": {kind: KINDS[kind] for kind in TYPED},
        "told_words": rules_words.told_words,
        "roles": rules_words.ROLE_WORDS,
        "by_tier": tuple(BY_TIER),
        "numbers": tuple(NUMBERS),
        "every": EVERY,
    }


def _look(before: Rules, draft: Rules, base: int) -> Page:
    if before.sequence != base:
        raise Conflict(_("Somebody has saved other rules meanwhile. Look at those first."))
    hidden = [(name, value) for name, value in request.form.items() if name not in ("csrf_token", "go")]
    return render_template(
        "reassessment/rules_look.html",
        changes=rules_words.changes(before, draft),
        number=before.sequence + 1,
        first=before.sequence == 0,
        opens=draft.opening != before.opening and draft.opening == OPENINGS[0],
        hidden=hidden,
        effects=_effects(before, draft),
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """How often something would happen within DAYS: ``now`` by the rules in force, ``then`` by the draft."""

    words: str
    now: int
    then: int


def _effects(before: Rules, draft: Rules) -> tuple[list[Effect], date]:
    """What would go out under the draft, and until when both could be worked out in time."""
    identity = web.identity()
    assert identity.organisation is not None
    own = organisations.organisation_of(web.db(), identity)
    today = local_date(web.now(), own.zone)
    found = [
        outlook.outlook(
            web.portal().database,
            own.id,
            now=web.now(),
            start=today,
            end=today + timedelta(days=DAYS),
            rules=ruled,
            seconds=1.0,
        )
        for ruled in (None, rules_service.with_since(before, draft, today))
    ]
    until = min(one.until for one in found)
    now, then = (
        Counter(
            OPENED if line.what == OPENED else line.kind
            for line in one.lines
            if line.what in (TOLD, OPENED) and line.day <= until
        )
        for one in found
    )
    names = {OPENED: str(_("Next assessments that are opened"))}
    names |= {kind: str(_("Reminders: %(kind)s", kind=KINDS[kind].words)) for kind in KINDS}
    return [Effect(names[one], now[one], then[one]) for one in names if now[one] or then[one]], until


def _form(values: Mapping[str, str], errors: Mapping[str, str], *, base: int, message: str = "") -> str:
    return render_template(
        "reassessment/rules_edit.html",
        values=values,
        errors=errors,
        message=message,
        failed=bool(errors or message),
        base=base,
        opening=[(one, rules_words.CHOICES["opening"][one]) for one in OPENINGS],
        late=[(one, rules_words.CHOICES["late"][one]) for one in LATE],
        **_words(),
    )


def _fields(found: Rules) -> dict[str, str]:
    """The form's fields for rules as they are."""
    fields = {name: str(getattr(found, name)) for name in (*NUMBERS, "opening", "late")}
    for name in BY_TIER:
        fields |= {f"{name}.{tier}": str(getattr(found, name)[tier]) for tier in TIERS}
    for kind in TYPED:
        own = found.ladders[kind]
        fields |= {f"ladders.{kind}.{place}": text_of(own[place]) if place in own else "" for place in PLACES}
    for one in TRIGGERS:
        days = pulls(found.triggers[one])
        fields[f"triggers.{one}"] = REASSESS if days else found.triggers[one]
        fields[f"days.{one}"] = str(days or "")
    return fields


# ------------------------------------------------------------------------------------------------------ what is posted


def _posted(posted: MultiDict[str, str]) -> dict[str, str]:
    return {name: value for name, value in posted.items() if name not in ("csrf_token", "go", "base")}


def _raw(posted: MultiDict[str, str], before: Rules) -> dict[str, Any]:
    """Posted fields in the shape of ``Rules.to_json``; what is no number stays a text, for ``parse`` to refuse.

    Ladders that the form does not have stay as they are.
    """
    ladders = {kind: before.to_json()["ladders"].get(kind, {}) for kind in KINDS if kind not in TYPED}
    for kind in TYPED:
        typed = {place: posted.get(f"ladders.{kind}.{place}", "")[:LONGEST] for place in PLACES}
        # An empty field of a tier means: as for every tier. One for every tier that is empty has no steps.
        ladders[kind] = {
            place: steps_of(text) for place, text in typed.items() if place == EVERY or text.strip()
        }
    triggers = {}
    for one in TRIGGERS:
        does, days = posted.get(f"triggers.{one}", ""), posted.get(f"days.{one}", "").strip()
        triggers[one] = f"{REASSESS}:{days[:10]}" if does == REASSESS else does[:20]
    return {
        **{name: {tier: _number(posted.get(f"{name}.{tier}", "")) for tier in TIERS} for name in BY_TIER},
        **{name: _number(posted.get(name, "")) for name in NUMBERS},
        "opening": posted.get("opening", ""),
        "late": posted.get("late", ""),
        "ladders": ladders,
        "triggers": triggers,
    }


def _number(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else text[:20]


def _base(posted: MultiDict[str, str]) -> int:
    number = _number(posted.get("base", ""))
    if not isinstance(number, int):
        raise Conflict(_("The page that you sent does not say what it rests on. Load it again."))
    return number
