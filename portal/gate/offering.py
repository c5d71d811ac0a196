"""What the form of a gate offers to whoever decides: first a choice that takes nothing away; what each takes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _

from portal.access import Permission
from portal.gate import case, lifting, second, words
from portal.gate.choosing import Choice, as_proposed, needs_reason, needs_second
from portal.gate.deciding import OUTCOMES, PASSING, Decision
from portal.gate.forms import OFFERED, DecideForm, Typed, proposed
from portal.gate.lifting import Past

if TYPE_CHECKING:
    from portal.gate.page import Subject


@dataclass(frozen=True, slots=True)
class Offer:
    """``options``: the outcomes to choose from, each with what it takes. ``asked``: ids of the conditions added by hand
    that are still to be met.
    """

    form: DecideForm
    typed: Typed
    options: list[dict[str, str]]
    asked: frozenset[str]


def offer(
    subject: Subject, past: Sequence[Past], form: DecideForm | None, typed: Typed | None, *, seen: str
) -> Offer:
    """A fresh form, or what was typed. ``seen``: service.seen_of the page as it stands now."""
    rules = subject.case.proposal
    if form is None:
        outcome = lifting.strictest(past, rules.outcome)
        first = {"outcome": outcome if outcome in OFFERED else None, "valid_until": rules.latest}
        form = DecideForm(data={"seen": seen, **first})
    asked = lifting.asked(past)
    return Offer(
        form,
        typed or proposed(rules, asked, lifting.words_of(past)),
        _options(subject, past),
        frozenset(one.subject for one in asked),
    )


def _options(subject: Subject, past: Sequence[Past]) -> list[dict[str, str]]:
    """The outcomes to choose from, each with what it takes, said before the press."""
    found = subject.case
    own = case.without_own(subject.session, found, subject.identity, now=subject.now)
    asked, said = lifting.asked(past), lifting.words_of(past)
    conditions = (*found.proposal.conditions, *asked)
    options = []
    for outcome in OFFERED:
        choice = Choice(
            outcome,
            conditions if outcome == "clear_with_conditions" else (),
            found.proposal.latest if outcome in PASSING else None,
        )
        if outcome == found.proposal.outcome and not asked:
            choice = as_proposed(found.proposal)
        lifted = lifting.lifted(choice, said, past)
        others = lifted.of_others(subject.identity.person.id)
        reasons = needs_second(choice, found.proposal, own, found.demands, lifts=others)
        label = str(words.OUTCOMES[outcome])
        takes = _takes(choice, found.proposal, reasons, says_why=bool(lifted))
        options.append({"value": outcome, "label": label, "sub": takes})
    return options


def _takes(choice: Choice, proposal: Decision, reasons: tuple[str, ...], *, says_why: bool) -> str:
    rank, theirs = OUTCOMES.index(choice.outcome), OUTCOMES.index(proposal.outcome)
    said = (
        _("As proposed.")
        if rank == theirs
        else _("Better than proposed.")
        if rank < theirs
        else _("Stricter than proposed.")
    )
    if reasons:
        why = [one for one in ("own_acts", "stands") if one in reasons and "against" not in reasons]
        told = [str(words.SECOND[one]) for one in why]
        return " ".join([str(said), str(_("Needs a reason and a second person.")), *told])
    needs = says_why or needs_reason(choice, proposal)
    return f"{said} {_('Needs a reason.')}" if needs else str(said)


def taken_from(subject: Subject, past: Sequence[Past], choice: Choice, said: dict[str, Any]) -> str:
    """By name, whose wish beyond the rules a proposal takes away; "" for nobody's."""
    people: frozenset[uuid.UUID] = lifting.lifted(choice, said, past).people
    return ", ".join(sorted(subject.people[one].name for one in people if one in subject.people))


def able(subject: Subject) -> str:
    """Who could be the second person to the reader, by name."""
    if not subject.identity.may(Permission.DECIDE):
        return ""
    ids = second.able(subject.case, subject.eyes, subject.identity.person.id, proposed_at=subject.now)
    return ", ".join(sorted(subject.people[one].name for one in ids if one in subject.people))
