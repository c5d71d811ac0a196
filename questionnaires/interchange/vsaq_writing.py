"""Writes a definition as a VSAQ file (google/vsaq), with a comment at its head that says what such a file cannot hold.

Questions, options, help, conditions on choices and the findings that hang on them go out; ``read_vsaq`` reads them.
Points, weights, bands, caps, knock-outs, facts and limits have no place there: who wants to keep them takes the JSON.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from questionnaires.checking_history import OWN
from questionnaires.conditions import Both, Condition, Node, Not, Test
from questionnaires.definition import FindingRule, Question, Questionnaire, Section
from questionnaires.interchange.vsaq_drafts import segment

MEDIA_TYPE = "text/plain; charset=utf-8"  # comments make it no JSON; VSAQ's own files have them too
_HEAD = (
    "A VSAQ file, written by the Vendor Risk Portal from {label}: {title}",
    "Licence of the questions: {licence}",
    "VSAQ has no points, weights, bands, caps, knock-outs, limits and notes on what does not apply: they are left out.",
)
_NAMED = {"Apache-2.0": "Apache License, Version 2.0"}  # as read_vsaq knows it again
_ALWAYS = "Always asked here, for VSAQ cannot express when they are asked: {keys}"
_SOMETIMES = "Asked more often here, for VSAQ cannot express a part of when they are asked: {keys}"
_SILENT = "Warnings left out, for VSAQ cannot express when they are given: {keys}"
Item = dict[str, Any]


def write_vsaq(definition: Questionnaire) -> bytes:
    """The file, the same bytes each time."""
    writer = _Writer(definition)
    items = [writer.section(one) for one in definition.sections]
    licence = definition.licence
    file = {"questionnaire": [{"type": "block", "text": _html(definition.title), "items": items}]}
    lines = [
        line.format(label=definition.label, title=definition.title, licence=_NAMED.get(licence, licence))
        for line in _HEAD
    ]
    lines += [
        line.format(keys=", ".join(keys))
        for line, keys in ((_ALWAYS, writer.always), (_SOMETIMES, writer.sometimes), (_SILENT, writer.silent))
        if keys
    ]
    head = "".join(f"// {' '.join(line.split())}\n" for line in lines)
    return f"{head}\n{json.dumps(file, ensure_ascii=False, indent=2)}\n".encode()


class _Writer:
    """The names of one file, and what could not be said on the way: keys of sections and questions."""

    def __init__(self, definition: Questionnaire) -> None:
        self.questions = definition.questions
        self.prefix = f"{OWN}{segment(definition.slug)}."
        self.values = Counter(each.value for one in self.questions.values() for each in one.options)
        self.always: list[str] = []
        self.sometimes: list[str] = []
        self.silent: list[str] = []
        self._names: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        for key in self.questions:  # before their options: what came in from VSAQ has its ids again
            self.name(key)

    def name(self, key: str, what: str = "") -> str:
        """The id of a question, of one of its options, or of something that stands beside it: word characters."""
        if (key, what) not in self._names:
            words = key.removeprefix(self.prefix)
            alone = words != key and all(self.values[one.value] == 1 for one in self.questions[key].options)
            if what:
                words = what if alone and what[0] != ":" else f"{words}_{what}"
            base = re.sub(r"\W", "_", words)
            found, number = base, 1
            while found in self._taken:
                number += 1
                found = f"{base}_{number}"
            self._taken.add(found)
            self._names[key, what] = found
        return self._names[key, what]

    def section(self, section: Section) -> Item:
        items: list[Item] = [{"type": "info", "text": _html(section.intro)}] if section.intro else []
        for question in section.questions:
            items += self.question(question)
        return {"type": "block", "text": _html(section.title), **self.shown(section), "items": items}

    def shown(self, part: Section | Question) -> Item:
        """``cond`` of a section or question: when it is asked, or something that is true whenever it is."""
        if part.visible_when is None:
            return {}
        exact = self.exact(part.visible_when.root)
        found = exact or self.weaker(part.visible_when.root)
        if exact is None:
            (self.always if found is None else self.sometimes).append(part.key)
        return {} if found is None else {"cond": found}

    def question(self, question: Question) -> Iterator[Item]:
        """The item of a question, and behind it its help, its warnings and the document that it asks for."""
        item = {"id": self.name(question.key), "text": _html(question.text), **self.shown(question)}
        yield {**self.answer(question), **item}
        beside = {name: item[name] for name in ("cond",) if name in item}
        if question.help:
            yield {
                "type": "tip",
                "id": self.name(question.key, ":help"),
                "text": _html(question.help),
                **beside,
            }
        for number, finding in enumerate(question.findings, 1):
            when = self.earned(question, finding)
            if when is not None:
                yield {
                    "type": "tip",
                    "id": self.name(question.key, f":finding {number}"),
                    "text": _html(finding.text),
                    "warn": "yes",
                    "severity": finding.severity,
                    "cond": when,
                }
            elif question.key not in self.silent:
                self.silent.append(question.key)
        if question.evidence is not None:
            words = question.evidence.kind.replace("_", " ")
            text = f"A document for the answer above: {words}"
            yield {
                "type": "upload",
                "id": self.name(question.key, ":document"),
                "text": _html(text),
                **beside,
            }

    def answer(self, question: Question) -> Item:
        """What a vendor fills in."""
        if question.type in ("choice", "choices"):
            kind = "radiogroup" if question.type == "choice" else "checkgroup"
            choices = [{self.name(question.key, one.value): _html(one.label)} for one in question.options]
            return {"type": kind, "choices": choices, "defaultChoice": False}
        needed = {"required": True} if question.required and question.required_when is None else {}
        if question.type in ("number", "date"):
            unit = {"placeholder": _html(question.unit)} if question.unit else {}
            return {"type": "line", "inputType": question.type, **unit, **needed}
        if question.type == "table":
            labels = "; ".join(one.label for one in question.columns)
            return {"type": "box", "placeholder": _html(f"One line each: {labels}"), **needed}
        return {"type": "box", "maxlength": question.max_length, **needed}

    def earned(self, question: Question, finding: FindingRule) -> str | None:
        if finding.option is not None:
            return self.name(question.key, finding.option)
        return self.exact(finding.when.root) if isinstance(finding.when, Condition) else None

    # ---------------------------------------------------------------------------------------------------- conditions

    def exact(self, node: Node) -> str | None:
        """The condition in VSAQ's language, with brackets, for that has no precedence. None if it has no form there."""
        match node:
            case Test():
                return self.test(node)
            case Not(item=inner):
                found = self.exact(inner)
                return None if found is None else f"!({found})"
            case Both(every=every, items=items):
                return _joined(every, items, self.exact)

    def weaker(self, node: Node) -> str | None:
        """A condition that holds whenever this one does; None where only "always" would."""
        if not isinstance(node, Both):
            return self.exact(node)
        if not node.every:
            return _joined(False, node.items, self.weaker)
        told = [one for one in node.items if self.weaker(one) is not None]
        return _joined(True, told, self.weaker) if told else None

    def test(self, test: Test) -> str | None:
        question = self.questions.get(test.key)
        if question is None:
            return None
        chosen = [one.value for one in question.options]
        if test.subject == "answered":
            return _any(self.name(test.key, one) for one in chosen) if chosen else self.name(test.key)
        if test.subject not in ("value", "member") or not chosen:
            return None
        found = _any(self.name(test.key, str(one)) for one in test.literals)
        return f"!({found})" if test.operator in ("!=", "not in") else found


def _joined(every: bool, items: Iterable[Node], told: Callable[[Node], str | None]) -> str | None:
    parts = [told(one) for one in items]
    found = [f"({one})" if " " in one else one for one in parts if one is not None]
    return (" && " if every else " || ").join(found) if len(found) == len(parts) else None


def _any(names: Iterable[str]) -> str:
    return " || ".join(names)


def _html(text: str) -> str:
    """Plain text as VSAQ shows it: its texts are HTML."""
    return html.escape(text, quote=False).replace("\n", "<br>")
