"""Conditions of a VSAQ file tied to the questions of the import: what is visible when, without circles."""

from __future__ import annotations

import re
from collections.abc import Iterable

from questionnaires.interchange.result import Notes
from questionnaires.interchange.vsaq_conditions import (
    Expression,
    Name,
    Test,
    Untranslatable,
    all_tests,
    joined,
    negated,
    read,
    replaced,
)
from questionnaires.interchange.vsaq_drafts import Choice, Draft
from questionnaires.interchange.vsaq_items import GROUPS, Item
from questionnaires.interchange.vsaq_layout import Layout

# How many items one may ask through the other whether they are visible.
MAX_STEPS = 20
_SUFFIX = re.compile(r"/(yes|no|value)\Z")


class _TooFar(Untranslatable):
    """A chain of ``^`` that is too long or closed; the item where it began loses its condition."""


class Links:
    """Translates conditions by the ids of the file and keeps them apart by the item that they stand on."""

    def __init__(self, layout: Layout, notes: Notes) -> None:
        self.notes = notes
        self.drafts = [draft for page in layout.pages for draft in page.drafts]
        self.by_key = {draft.key: draft for draft in self.drafts}
        self.place = {draft.key: index for index, draft in enumerate(self.drafts)}
        self.gone: set[str] = set()
        self._choices: dict[str, tuple[Draft, Choice]] = {}
        self._questions: dict[str, Draft] = {}
        self._items: dict[str, Item] = {}
        self._dropped: set[str] = set()
        self._own: dict[Item, Expression] = {}
        self._asking: list[Item] = []
        self._register(layout)

    def _register(self, layout: Layout) -> None:
        for item in layout.dropped:
            self._dropped.update(name for name, _ in item.options)
            self._dropped.add(item.id)
        for draft in self.drafts:
            for item in (*draft.chain, *draft.items):
                self._items[item.id] = item
            if len(draft.items) == 1:
                self._questions[draft.item.id] = draft
            self._choices.update((option.id, (draft, option)) for option in draft.options if option.id)
        for tip, chain, _ in layout.tips:
            self._items.update((item.id, item) for item in (*chain, tip))

    def own(self, item: Item) -> Expression:
        """The item's own condition in our names; True where it has none. Raises Untranslatable."""
        if item not in self._own:
            if item in self._asking or len(self._asking) > MAX_STEPS:
                raise _TooFar("it asks, through others, whether it is itself visible, or asks too many")
            self._asking.append(item)
            try:
                self._own[item] = replaced(read(item.condition), lambda leaf: self._leaf(leaf, item))
            finally:
                self._asking.pop()
        return self._own[item]

    def condition(self, item: Item) -> Expression:
        """The condition of a block or question; one that cannot be carried over is noted, and True."""
        try:
            return self.own(item)
        except _TooFar:
            if self._asking:
                raise
            self._give_up(item, "it goes in a circle or asks through too many others")
        except Untranslatable as error:
            self._give_up(item, str(error))
        return True

    def _give_up(self, item: Item, reason: str) -> None:
        self._own[item] = True
        self.notes.lost.append(
            f"{item.place}: the condition {item.condition[:200]!r} was left out, since {reason}. "
            "It is always asked."
        )

    def _leaf(self, leaf: Name | Test, asker: Item) -> Expression:
        if isinstance(leaf, Test):
            return leaf
        name = leaf.text
        if name == "false":
            return False
        suffix = _SUFFIX.search(name)
        base = _SUFFIX.sub("", name).removeprefix("^")
        if name.startswith("^"):
            return self._visible(base)
        if base in self._choices:
            draft, option = self._choices[base]
            test = Test(draft.key, option.value, draft.type == "choices")
            return negated(test) if suffix and suffix[1] == "no" else test
        if base in self._questions:
            return self._answered(self._questions[base], suffix[1] if suffix else "", asker)
        if base in self._dropped:
            return False
        if base in self._items:
            raise Untranslatable(f"{base[:60]!r} is a text or a block and has no answer")
        raise Untranslatable(f"it names {base[:60]!r}, which the file does not hold")

    def _answered(self, draft: Draft, suffix: str, asker: Item) -> Expression:
        kind = draft.item.kind
        if kind in ("check", "yesno"):
            return Test(draft.key, "no" if suffix == "no" else "yes")
        if kind not in GROUPS and suffix != "value":
            self.notes.changed.append(f"{asker.place}: asked where {draft.item.place} is answered at all.")
        blank = [option for option in draft.options if option.exclusive and not option.id]
        added = joined(True, (negated(Test(draft.key, option.value, True)) for option in blank))
        return joined(True, (Test(draft.key), added))

    def _visible(self, base: str) -> Expression:
        """Whether an item is visible: its own condition and those of the blocks around it."""
        if base in self._dropped:
            return False
        item = self._choices[base][0].item if base in self._choices else self._items.get(base)
        if item is None:
            raise Untranslatable(f"it names {base[:60]!r}, which the file does not hold")
        found: list[Expression] = []
        at: Item | None = item
        while at is not None:
            found.append(self.condition(at))
            at = at.parent
        return joined(True, found)

    def settle(self) -> None:
        """Break circles, take out questions that can never be asked, and make gates required."""
        for draft in self.drafts:
            for item in draft.chain:
                self.condition(item)
        for draft in self._ordered():
            if self.visible(draft.chain) is False:
                self.gone.add(draft.key)
                self.notes.lost.append(f"{draft.item.place}: can never be asked, so it was left out.")
        for draft in self.drafts:
            for key in self.named(draft):
                # A gate that may stay blank would leave open what comes after it.
                self.by_key[key].required = True

    def visible(self, chain: Iterable[Item]) -> Expression:
        """The conditions of these items together, questions that are gone taken as never answered."""
        return self.without_gone(joined(True, (self.condition(item) for item in chain)))

    def named(self, draft: Draft) -> set[str]:
        """The questions that decide whether this one is asked; none for one that is gone."""
        return set() if draft.key in self.gone else _names(self.visible(draft.chain))

    def without_gone(self, expression: Expression) -> Expression:
        """The expression with every test of a question that is gone put to false."""
        return replaced(
            expression, lambda leaf: False if isinstance(leaf, Test) and leaf.key in self.gone else leaf
        )

    def _ordered(self) -> list[Draft]:
        """Every question after those that its conditions name; a circle loses a condition."""
        needs = {draft: self._needs(draft) for draft in self.drafts}
        dependents: dict[str, list[Draft]] = {}
        for draft, names in needs.items():
            for name in names:
                dependents.setdefault(name, []).append(draft)
        ready = [draft for draft, names in needs.items() if not names]
        order: list[Draft] = []
        while needs:
            if not ready:
                ready = self._break(needs)
            draft = ready.pop()
            del needs[draft]
            order.append(draft)
            for other in dependents.get(draft.key, ()):
                if other in needs and draft.key in needs[other]:
                    needs[other].remove(draft.key)
                    if not needs[other]:
                        ready.append(other)
        return order

    def _needs(self, draft: Draft) -> set[str]:
        return {name for item in draft.chain for name in _names(self.condition(item))}

    def _break(self, needs: dict[Draft, set[str]]) -> list[Draft]:
        """Walk from question to needed question until one comes again, and free it; answers who waits no more."""
        start = next(iter(needs))
        seen: set[Draft] = set()
        while start not in seen:
            seen.add(start)
            start = self.by_key[min(needs[start])]
        wanted = min(needs[start])
        item = next(one for one in reversed(start.chain) if wanted in _names(self._own[one]))
        self._give_up(item, "it goes in a circle")
        freed = [draft for draft in needs if item in draft.chain]
        for draft in freed:
            needs[draft] &= self._needs(draft)
        return [draft for draft in freed if not needs[draft]]


def _names(expression: Expression) -> set[str]:
    return {test.key for test in all_tests(expression)}
