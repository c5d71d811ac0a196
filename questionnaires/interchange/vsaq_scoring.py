"""A first proposal of points and weights from the severities of VSAQ warnings; a person decides on it."""

from __future__ import annotations

from questionnaires.interchange.result import Notes
from questionnaires.interchange.vsaq_conditions import Expression, Test, all_tests, decide
from questionnaires.interchange.vsaq_drafts import Choice, Draft
from questionnaires.interchange.vsaq_links import Links

# Points of an option that earns such a warning, and the weight of its question.
PROPOSAL = {"critical": (0, 20), "high": (10, 13), "medium": (35, 8), "low": (60, 5)}
ORDER = ("low", "medium", "high", "critical")
MINIMUM = 50

Warnings = dict[str, list[tuple[str, Expression]]]


def propose(links: Links, warnings: Warnings, notes: Notes) -> None:
    """Give points and weights to the questions that earn ``warnings``, which are listed by question key."""
    for draft in links.drafts:
        if draft.key not in links.gone and draft.type in ("choice", "choices"):
            _points(draft, warnings.get(draft.key, []), notes)
    _free_gates(links, notes)
    for draft in links.drafts:
        if draft.weight:
            listed = ", ".join(f"{option.value}={option.points}" for option in draft.options)
            notes.proposed.append(f"{draft.key}: weight {draft.weight}; {listed}.")


def _points(draft: Draft, warnings: list[tuple[str, Expression]], notes: Notes) -> None:
    worst: dict[str, str] = {}
    for severity, expression in warnings:
        earning = _earning(draft, expression)
        if not earning:
            notes.proposed.append(
                f"{draft.key}: a warning ({severity}) hangs on several answers and takes no points."
            )
        for option in earning:
            worst[option.value] = max(worst.get(option.value, severity), severity, key=ORDER.index)
    if not worst:
        return
    for option in draft.options:
        option.points = PROPOSAL[worst[option.value]][0] if option.value in worst else 100
    draft.weight = max(PROPOSAL[severity][1] for severity in worst.values())
    if draft.type == "choices":
        # One bad practice is not made good by a second, better one.
        draft.fields["combine"] = "worst"


def _earning(draft: Draft, expression: Expression) -> list[Choice]:
    """The options that earn the warning by themselves, whatever else is chosen here or answered elsewhere."""
    if draft.key not in {test.key for test in all_tests(expression)}:
        return []
    everything = frozenset(option.value for option in draft.options if not option.exclusive)
    alone = {option.value: _holds(draft, expression, frozenset({option.value})) for option in draft.options}
    found = [option for option in draft.options if alone[option.value] is not False]
    if draft.type == "choices":
        lasting = _holds(draft, expression, everything) is not False
        blank = _holds(draft, expression, frozenset())
        found = [option for option in found if option.exclusive or (lasting and blank is False)]
    return found if len(found) < len(draft.options) else []


def _holds(draft: Draft, expression: Expression, chosen: frozenset[str]) -> bool | None:
    def known(test: Test) -> bool | None:
        if test.key != draft.key:
            return None
        return bool(chosen) if test.value is None else test.value in chosen

    return decide(expression, known)


def _free_gates(links: Links, notes: Notes) -> None:
    """A bad answer to a gate hides questions: a gate weighs nothing, and knocks out where it is grave."""
    needed: set[str] = set()
    waiting = [draft for draft in links.drafts if draft.weight and draft.key not in links.gone]
    while waiting:
        names = links.named(waiting.pop()) - needed
        needed |= names
        waiting.extend(links.by_key[name] for name in names)
    for draft in links.drafts:
        if draft.key in needed and draft.weight:
            draft.weight = 0
            grave = min(option.points or 0 for option in draft.options) <= PROPOSAL["high"][0]
            draft.critical = grave and draft.type == "choice"
            kept = f"a knock-out under {MINIMUM} points" if draft.critical else "its warnings alone"
            notes.proposed.append(
                f"{draft.key}: decides whether scored questions are asked; weight 0, {kept}."
            )
