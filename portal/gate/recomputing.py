"""A decision worked out anew from what is stored of it: whether its method still gives the same bytes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from portal.gate import stored
from portal.gate.choosing import Choice
from portal.gate.deciding import METHOD, Decision, decide
from portal.gate.facts import GateFacts
from portal.gate.models import GateDecision
from portal.vendors import policy_parsing
from portal.vendors.policy import Policy


@dataclass(frozen=True, slots=True)
class Anew:
    """What a decision rested on. ``agrees``: whether facts and policy give its proposal again, byte for byte;
    None: it was made by a method that this release does not have.
    """

    facts: GateFacts
    policy: Policy
    proposal: Decision
    choice: Choice
    agrees: bool | None


def anew(row: GateDecision) -> Anew:
    """Read a stored decision, and decide once more on its facts under its policy."""
    facts = stored.from_bytes(GateFacts, row.facts)
    found = policy_parsing.read(row.policy, row.policy_sequence)
    proposal = stored.from_bytes(Decision, row.proposal)
    agrees = stored.to_bytes(decide(facts, found)) == row.proposal if row.method == METHOD else None
    return Anew(facts, found, proposal, stored.from_bytes(Choice, row.choice), agrees)
