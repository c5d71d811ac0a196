"""VSAQ tips: warnings become findings of the question that they are about, advice goes to its help."""

from __future__ import annotations

from questionnaires.conditions import ConditionError, parse
from questionnaires.interchange.markup import one_line
from questionnaires.interchange.result import Notes
from questionnaires.interchange.vsaq_conditions import (
    Both,
    Expression,
    Test,
    Untranslatable,
    all_tests,
    joined,
    written,
)
from questionnaires.interchange.vsaq_drafts import Draft, cut
from questionnaires.interchange.vsaq_items import Item
from questionnaires.interchange.vsaq_layout import Layout
from questionnaires.interchange.vsaq_links import Links
from questionnaires.interchange.vsaq_scoring import ORDER, Warnings

_TEXT = 4000
_MAX_FINDINGS = 100


def place_tips(layout: Layout, links: Links, notes: Notes) -> Warnings:
    """Put every tip where it belongs, or list it; answers the warnings by the key of their question."""
    found: Warnings = {}
    asked: dict[str, int] = {}
    for tip, chain, last in layout.tips:
        if why := one_line(tip.word("why")):
            asked[why] = asked.get(why, 0) + 1
        _other_fields(tip, notes)
        _place(tip, chain, last, links, notes, found)
    for why, count in asked.items():
        notes.lost.append(
            f"Asked beside {count} of the tips; every finding has room for the answer: {why!r}."
        )
    return found


def _place(
    tip: Item, chain: tuple[Item, ...], last: Draft | None, links: Links, notes: Notes, found: Warnings
) -> None:
    try:
        own = links.without_gone(links.own(tip))
    except Untranslatable as error:
        notes.lost.append(f"{tip.place}: the condition {tip.condition[:200]!r} was left out, since {error}.")
        _advise(tip, True, last, links, notes)
        return
    if own is False:
        notes.lost.append(f"{tip.place}: can never be shown. Its text: {one_line(tip.text)!r}.")
        return
    if own is True or not _is_warning(tip):
        # Under the condition of the question before it, it speaks of that one, not of what the condition names.
        beside = last is not None and tip.condition == last.item.condition
        named = "" if beside else _about(own, links)
        _advise(tip, True if beside else own, links.by_key[named] if named else last, links, notes)
        return
    severity = _severity(tip, notes)
    for key, part in _parts(own, links):
        target = links.by_key[key]
        outer = [item for item in chain if item not in target.chain]
        whole = joined(True, (part, links.visible(outer)))
        if _find(target, tip, whole, severity, notes):
            found.setdefault(key, []).append((severity, whole))
        else:
            _advise(tip, part, target, links, notes)


def _parts(own: Expression, links: Links) -> list[tuple[str, Expression]]:
    """Alternatives by the question that each is about: one may be hidden while the other is answered."""
    alternatives = own.items if isinstance(own, Both) and not own.every else (own,)
    found: dict[str, list[Expression]] = {}
    for one in alternatives:
        if key := _about(one, links):
            found.setdefault(key, []).append(one)
    return [(key, joined(False, parts)) for key, parts in found.items()]


def _about(own: Expression, links: Links) -> str:
    """The last question that must be answered for the condition to hold, or else the last that it names."""
    parts = own.items if isinstance(own, Both) and own.every else (own,)
    sure = {part.key for part in parts if isinstance(part, Test)}
    return max(sure or {test.key for test in all_tests(own)}, key=links.place.__getitem__, default="")


def _is_warning(tip: Item) -> bool:
    """Some tips only praise or explain: those name no issue, warn of nothing and have no severity."""
    return tip.word("warn") == "yes" or bool(tip.word("severity") or tip.word("name"))


def _severity(tip: Item, notes: Notes) -> str:
    severity = tip.word("severity")
    if severity in ORDER:
        return severity
    if severity:
        notes.lost.append(f"{tip.place}: the severity {severity[:40]!r} is unknown; medium was taken.")
    return "medium" if severity or tip.word("warn") == "yes" else "low"


def _find(target: Draft, tip: Item, whole: Expression, severity: str, notes: Notes) -> bool:
    """Make the tip a finding of the question: by its option if it is about one, else by a condition."""
    if whole is False or len(target.findings) >= _MAX_FINDINGS:
        return False
    finding = {"severity": severity}
    if isinstance(whole, Test) and whole.key == target.key and whole.value is not None:
        finding["option"] = whole.value
    else:
        finding["when"] = written(whole)
        try:
            parse(finding["when"])
        except ConditionError as error:
            notes.lost.append(f"{tip.place}: its condition cannot be carried over: {error}.")
            return False
    name = one_line(tip.word("name")).rstrip(".")
    text = f"{name}. {tip.text}" if name and not tip.text.startswith(name) else tip.text
    if len(text) > _TEXT:
        notes.lost.append(f"{tip.place}: the end of the text, {len(text) - _TEXT:,} characters.")
    finding["text"] = cut(text or tip.place, _TEXT)
    target.findings.append(finding)
    return True


def _advise(tip: Item, own: Expression, target: Draft | None, links: Links, notes: Notes) -> None:
    """Text that is no finding goes to the help of its question."""
    if target is None or target.key in links.gone:
        notes.lost.append(f"{tip.place}: stands beside no question. Its text: {one_line(tip.text)!r}.")
        return
    lead = ""
    if isinstance(own, Test) and own.key == target.key:
        label = next((option.label for option in target.options if option.value == own.value), "")
        lead = f"If you choose “{cut(label, 120)}”: " if label else ""
    target.help.append(f"{lead}{tip.text}")
    notes.changed.append(f"{tip.place}: advice, not a warning; it stands in the help of {target.key}.")


def _other_fields(tip: Item, notes: Notes) -> None:
    for field, words in (("todo", "task"), ("customTitle", "heading")):
        if text := one_line(tip.word(field)):
            notes.lost.append(f"{tip.place}: the {words} {text!r}.")
    if tip.word("auth") == "readonly":
        notes.lost.append(f"{tip.place}: its explanation was read-only.")
