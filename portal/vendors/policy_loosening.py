"""What a change of the policy does: everything that differs, and what of it asks for less. Pure, no SQL.

Every field has one direction in which it asks for less, and such a change needs a second person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from portal.vendors.facts import TIERS
from portal.vendors.policy import FINDINGS, LEVELS, MUSTS, REVIEWS, RISKS, Policy, TierPolicy
from questionnaires.kinds import is_of_kind


def _more_is_loose(old: Any, new: Any) -> bool:
    return bool(new > old)


def _less_is_loose(old: Any, new: Any) -> bool:
    return bool(new < old)


def _later_is_loose(order: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    return lambda old, new: order.index(new) > order.index(old)


def _earlier_is_loose(order: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    return lambda old, new: order.index(new) < order.index(old)


def _left_out(old: Any, new: Any) -> bool:
    return bool(set(old) - set(new))


def _document_left_out(old: Any, new: Any) -> bool:
    """A narrower kind in the place of one asks for no less: whatever meets it met that, too."""
    return not all(any(is_of_kind(one, before) for one in new) for before in old)


def _added(old: Any, new: Any) -> bool:
    return bool(set(new) - set(old))


# field of TierPolicy -> whether going from the old value to the new one asks for less
LOOSER: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "questionnaires": _left_out,
        "evidence": _document_left_out,
        "evidence_days": _less_is_loose,
        "months": _more_is_loose,
        "clear_level": _less_is_loose,
        "condition_level": _less_is_loose,
        "fix_days": _more_is_loose,
        "review": _earlier_is_loose(REVIEWS),
        "worst_finding": _later_is_loose(FINDINGS),
        "must": _earlier_is_loose(MUSTS),
        "approvals": _less_is_loose,
        "roles": _added,  # one more who may decide
        "valid_months": _more_is_loose,
    }
)


def loosens(old: Policy, new: Policy) -> list[str]:
    """The fields by which ``new`` asks for less than ``old``, as ``parse`` names them; [] when it asks for no less."""
    found = []
    for tier in TIERS:
        before, after = old.tiers[tier], new.tiers[tier]
        found += [
            f"{tier}.{name}"
            for name, looser in LOOSER.items()
            if looser(getattr(before, name), getattr(after, name))
        ]
        # One that is always asked covers the case with personal data, so both lists count together.
        if before.demanded - after.demanded:
            found.append(f"{tier}.with_personal_data")
    found += [
        f"matrix.{tier}.{level}"
        for tier, level in old.matrix
        if RISKS.index(new.matrix[tier, level]) < RISKS.index(old.matrix[tier, level])
    ]
    found += ["intake_required"] if old.intake_required and not new.intake_required else []
    found += ["regimes"] if _left_out(old.regimes or (), new.regimes or ()) else []
    return found + [
        f"versions.{slug}" for slug in sorted(old.demanded & new.demanded) if _more_count(old, new, slug)
    ]


def _more_count(old: Policy, new: Policy, slug: str) -> bool:
    """Whether a version of ``slug`` counts that did not. One that is newly demanded may begin with any."""
    if old.versions is None:
        return False
    return new.versions is None or _added(old.versions.get(slug, ()), new.versions.get(slug, ()))


def changed(old: Policy, new: Policy) -> Iterator[tuple[str, Any, Any]]:
    """(field, before, after) of everything that differs, in the order of the page."""
    if old.intake_required != new.intake_required:
        yield "intake_required", old.intake_required, new.intake_required
    if (old.regimes or ()) != (new.regimes or ()):
        yield "regimes", old.regimes or (), new.regimes or ()
    before_all, after_all = old.versions or {}, new.versions or {}
    for slug in sorted({*before_all, *after_all}):
        if before_all.get(slug, ()) != after_all.get(slug, ()):
            yield f"versions.{slug}", before_all.get(slug, ()), after_all.get(slug, ())
    for tier in TIERS:
        for one in fields(TierPolicy):
            before, after = getattr(old.tiers[tier], one.name), getattr(new.tiers[tier], one.name)
            if before != after:
                yield f"{tier}.{one.name}", before, after
    for tier in TIERS:
        for level in LEVELS:
            if old.matrix[tier, level] != new.matrix[tier, level]:
                yield f"matrix.{tier}.{level}", old.matrix[tier, level], new.matrix[tier, level]
