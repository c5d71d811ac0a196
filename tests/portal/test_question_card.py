"""The question card: every type renders from the documented view-model alone, under the documented names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask_babel import Babel
from jinja2 import StrictUndefined

from portal.formats import FILTERS


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    sub: str = ""
    finding: Any = None


@dataclass(frozen=True)
class Column:
    key: str
    label: str
    type: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class Card:
    """The contract of templates/_question.html, with its defaults."""

    key: str = "access.mfa"
    number: str = "3.1"
    text: str = "Who signs in with a second factor?"
    type: str = "choice"
    help: str = ""
    hint: str = ""
    options: tuple[Option, ...] = ()
    columns: tuple[Column, ...] = ()
    unit: str = ""
    value: Any = ""
    rows: int = 0
    revision: int = 3
    state: str = "unanswered"
    allow_na: bool = False
    note: str = ""
    note_error: str = ""
    findings: tuple[Any, ...] = ()
    required: bool = True
    visible: bool = True
    because: str = ""
    saved: str = ""
    error: str = ""
    evidence: Any = None
    conflict: Any = None
    lines: tuple[str, ...] = field(default=())
    documents: tuple[Any, ...] = ()
    attach: bool = False
    offer: Any = None
    waits: str = ""


DANGER = {"severity": "high", "text": "One stolen password is enough."}
OPTIONS = (Option("all", "Everyone"), Option("none", "Nobody", "Stands alone", DANGER))
CARDS = {
    "choice": Card(options=OPTIONS, value="none", allow_na=True),
    "choices": Card(type="choices", options=OPTIONS, value=["all"]),
    "text": Card(type="text", value="<b>\nbold</b>"),
    "number": Card(type="number", unit="days", value="2", hint="A whole number."),
    "date": Card(type="date", value="2027-03-31"),
    "table": Card(
        type="table",
        columns=(Column("name", "Name", "text"), Column("kind", "Kind", "choice", (Option("h", "Hosting"),))),
        value=[{"name": "Cumulo", "kind": "h"}],
        rows=4,
    ),
    "evidence": Card(
        type="text",
        evidence={
            "kind": "Policy", "required": True, "reason": "", "date": "", "reason_error": "Say why.",
            "date_error": "", "state": "", "proven": False,
        },
    ),
    "conflict": Card(
        conflict={
            "theirs": {"label": "No", "who": "Priya Nair", "at": "14:29"},
            "mine": {"label": "Yes"},
            "mine_fields": [("a.access.mfa", "yes")],
            "revision": 5,
        }
    ),
}  # fmt: skip
NAMES = {
    "choice": {"r.access.mfa", "a.access.mfa", "s.access.mfa", "n.access.mfa"},
    "table": {"r.access.mfa", "n.access.mfa"}
    | {f"a.access.mfa.{row}.{column}" for row in range(4) for column in ("name", "kind")},
    "evidence": {"r.access.mfa", "a.access.mfa", "n.access.mfa", "e.access.mfa.reason", "e.access.mfa.date"},
    "conflict": {"r.access.mfa", "a.access.mfa", "k.access.mfa", "c.access.mfa"},
}


class Page(HTMLParser):
    """The start tags of a page with their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self) -> list[dict[str, str | None]]:
        return [held for tag, held in self.tags if "name" in held]


def render(card: Card, macro: str = "question_card") -> str:
    app = Flask("portal", root_path=str(Path(__file__).resolve().parents[2] / "portal"))
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals["csrf_token"] = lambda: "token"
    Babel(app)
    with app.test_request_context("/"):
        template = f'{{% from "_question.html" import {macro} %}}{{{{ {macro}(q) }}}}'
        return render_template_string(template, q=card)


@pytest.mark.parametrize("macro", ["question_card", "sealed_answer", "preview"])
@pytest.mark.parametrize("kind", sorted(CARDS))
def test_each_kind_renders_and_its_ids_are_unique_and_named(kind: str, macro: str) -> None:
    page = Page(render(CARDS[kind], macro))
    ids = [held["id"] for _, held in page.tags if "id" in held]
    assert len(ids) == len(set(ids))
    for _, held in page.tags:
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            assert set((held.get(attribute) or "").split()) <= {str(one) for one in ids}


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_field_names_follow_the_contract(kind: str) -> None:
    assert {held["name"] for held in Page(render(CARDS[kind])).named()} == NAMES[kind]


def test_a_saved_answer_can_be_taken_back_and_carries_its_revision() -> None:
    fields = Page(render(CARDS["choice"])).named()
    radios = {held["value"]: "checked" in held for held in fields if held["name"] == "a.access.mfa"}
    assert radios == {"all": False, "none": True, "": False}
    assert [held["value"] for held in fields if held["name"] == "r.access.mfa"] == ["3"]


def test_a_conflict_keeps_the_stale_revision_and_what_was_written() -> None:
    fields = {str(held["name"]): held.get("value") for held in Page(render(CARDS["conflict"])).named()}
    assert (fields["r.access.mfa"], fields["c.access.mfa"], fields["a.access.mfa"]) == ("3", "5", "yes")


def test_a_refused_value_stays_in_its_field_with_the_message_before_it() -> None:
    source = render(Card(type="date", value="31 June", error="31 June does not exist."))
    assert re.search(r'<input[^>]*type="text"[^>]*value="31 June"[^>]*aria-invalid="true"', source)
    assert source.index("31 June does not exist.") < source.index('value="31 June"')


def test_what_people_wrote_is_escaped() -> None:
    assert "&lt;b&gt;\nbold&lt;/b&gt;</textarea>" in render(CARDS["text"])


def test_documents_lie_beside_the_answer_with_what_is_wrong_with_them() -> None:
    paper = {
        "title": "<b>Plan</b>", "sub": "2 kB", "endpoint": "", "place": {}, "problem": "Too old.", "waits": "Waits.",
    }  # fmt: skip
    source = render(Card(attach=True, documents=(paper,)))
    assert "&lt;b&gt;Plan&lt;/b&gt;" in source
    assert "Too old." in source
    assert "Waits." in source
    buttons = [held for tag, held in Page(source).tags if tag == "button"]
    assert [(held["name"], held["value"]) for held in buttons] == [("go", "evidence.access.mfa")]
