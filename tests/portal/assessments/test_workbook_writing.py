"""What stands in a workbook and what never can; every text comes back the same; nothing is ever a formula."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given as supposing
from hypothesis import settings as limits
from hypothesis import strategies as st

from portal.assessments import drafts, workbook_layout, workbook_opening, workbook_reading, workbook_writing
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.reach import EVERYTHING
from portal.assessments.workbook_changes import laid_over
from portal.assessments.workbook_layout import SHOWN, Asked, Origin
from portal.assessments.workbook_writing import About
from portal.web import Portal
from questionnaires import catalog
from questionnaires.conditions import parse
from questionnaires.definition import EvidenceRule, FindingRule, Option, PointsRule, Question, Questionnaire
from tests.portal.assessments.given import small
from tests.portal.assessments.workbooks import tables

AS_OF = date(2026, 11, 21)
ORIGIN = Origin.of(uuid.UUID(int=7), "ab" * 32)
ABOUT = About("Small 1.0.0", "Claims", "Halden", "Fennmark", "Ana", "Fri", "now", False)
Held = Mapping[str, tuple[int, Content]]


@pytest.fixture(autouse=True)
def words(app: Portal) -> Any:
    with app.test_request_context():
        yield


def questions(definition: Questionnaire) -> list[Asked]:
    draft = drafts.read(definition, {}, {}, AS_OF)
    return workbook_layout.asked(draft, EVERYTHING)


def written(definition: Questionnaire, held: Held) -> bytes:
    target = io.BytesIO()
    workbook_writing.write(target, ABOUT, questions(definition), held, ORIGIN)
    return target.getvalue()


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def back(definition: Questionnaire, held: Held) -> dict[str, Content | str]:
    """What comes back of a workbook that nobody has touched, by key; every cell with a fault fails."""
    _name, cells = workbook_opening.open_workbook(io.BytesIO(written(definition, held)), "a.xlsx")
    found: dict[str, Content | str] = {}
    for entry in workbook_reading.read(cells, questions(definition), ORIGIN):
        revision, base = held.get(entry.key, (0, EMPTY))
        assert entry.known, entry
        assert not entry.faults, entry
        assert entry.revision == revision
        found[entry.key] = laid_over(definition.questions[entry.key], base, entry)
    return found


# ------------------------------------------------------------------------------------------------------ an allow-list

# Every field of a question that no workbook shows, and another value for it. A new field belongs here or in SHOWN.
HIDDEN: dict[str, Any] = {
    "revision": 31,
    "formerly": ("kzformer.question@2",),
    "reworded": "9.8.7",
    "combine": "all",
    "points_when": (PointsRule(parse("value > 3"), 89),),
    "weight": 97,
    "critical": True,
    "minimum": 93,
    "required": False,
    "required_when": parse("engagement.tier == 'high'"),
    "findings": (FindingRule("critical", "kzfinding", option="yes"),),
    "refs": ("kzref A.8.5",),
}


def with_question(definition: Questionnaire, key: str, **changed: Any) -> Questionnaire:
    sections = tuple(
        replace(
            section,
            questions=tuple(replace(one, **changed) if one.key == key else one for one in section.questions),
        )
        for section in definition.sections
    )
    return replace(definition, sections=sections)


def test_every_field_of_a_question_is_shown_or_hidden() -> None:
    assert {one.name for one in fields(Question)} == SHOWN | set(HIDDEN)
    assert not SHOWN & set(HIDDEN)


@pytest.mark.parametrize("name", sorted(HIDDEN))
@pytest.mark.parametrize("key", ["one.locks", "one.days", "one.kinds", "two.proof"])
def test_what_is_hidden_changes_no_byte_of_a_workbook(name: str, key: str) -> None:
    definition = small()
    held = {"one.locks": (2, Content("answered", "no")), "one.days": (1, Content("answered", "40"))}
    other = with_question(definition, key, **{name: HIDDEN[name]})
    assert other != definition
    assert parts(written(other, held)) == parts(written(definition, held))


def test_points_and_what_proves_an_answer_change_no_byte() -> None:
    definition = small()
    locks = definition.questions["one.locks"]
    worth = tuple(Option(one.value, one.label, 57, one.exclusive) for one in locks.options)
    proof = EvidenceRule("check_report", True, None, 7)
    other = with_question(with_question(definition, "one.locks", options=worth), "two.proof", evidence=proof)
    other = replace(
        other,
        knockout_band="bad",
        bands=tuple(replace(one, minimum=one.minimum and 61) for one in other.bands),
        sections=tuple(replace(one, weight=83) for one in other.sections),
    )
    assert parts(written(other, {})) == parts(written(definition, {}))


def test_findings_weights_and_marks_of_shipped_questionnaires_are_nowhere() -> None:
    definition = catalog.latest("security_core")
    text = b"".join(parts(written(definition, {})).values()).decode("utf-8")
    for question in definition.questions.values():
        for finding in question.findings:
            assert finding.text[:60].replace("&", "&amp;") not in text


# -------------------------------------------------------------------------------------------------------- round trip

NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "'=apostrophe",
    "'",
    '"quoted" & <tagged>',
    "a\nb\n\nc",
    "tab\tinside",
    "_x0041_ is no A",
    "_x000D_",
    "😀👩‍👩‍👧 and ��",
    "שלום עולם, اللغة",
    "\N{RIGHT-TO-LEFT OVERRIDE}turned",
    "#REF!",
    "#N/A",
    "TRUE",
    "24.0",
    "007",
    "1e5",
    "2026-11-21",
    "1/2",
    "e\N{COMBINING ACUTE ACCENT}".encode().decode(),
    "x" * 4000,
    "ﬁ \N{NO-BREAK SPACE} \N{ZERO WIDTH SPACE}",
    "https://example.com/?a=1&b=2",
    "mailto:a@b.example",
]


@pytest.mark.parametrize("text", NASTY, ids=[ascii(one)[:30] for one in NASTY])
def test_every_text_comes_back_the_same(text: str) -> None:
    definition = small()
    text = drafts.unicodedata.normalize("NFC", text)
    held = {
        "one.why": (1, Content("answered", text)),
        "one.locks": (3, Content("not_applicable", None, text)),
        "two.proof": (2, Content("answered", "yes", text, text, "2026-12-01")),
        "two.list": (4, Content("answered", [{"name": text, "kind": "p"}, {"kind": "f"}])),
    }
    found = back(definition, held)
    assert {key: found[key] for key in held} == {key: content for key, (_revision, content) in held.items()}
    for name, part in parts(written(definition, held)).items():
        assert b"<f>" not in part, name
        assert b"<f " not in part, name
        assert b"hyperlink" not in part, name


def test_what_no_cell_holds_stays_as_it_is() -> None:
    """A spreadsheet cuts a cell at 32,767 units; a longer answer is left out, and an empty cell changes nothing."""
    definition = with_question(small(), "one.why", max_length=100_000)
    for text in ("😀" * 20_000, "no XML has \uffff"):
        held = {"one.why": (1, Content("answered", text, text))}
        assert "cannot stand in a spreadsheet" in str(tables(written(definition, held)))
        assert back(definition, held)["one.why"] == held["one.why"][1]


def _contents(question: Question) -> st.SearchStrategy[Content]:
    """Any content that a card of this question could hold."""
    words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).map(
        lambda text: drafts.unicodedata.normalize("NFC", text).strip()
    )
    some = words.filter(bool)
    values: dict[str, st.SearchStrategy[Any]] = {
        "choice": st.sampled_from([one.value for one in question.options] or ["-"]),
        "choices": st.lists(st.sampled_from([one.value for one in question.options] or ["-"]), unique=True, min_size=1)
        .map(lambda some: [one.value for one in question.options if one.value in some]),
        "number": st.integers(0, 365).map(str),
        "date": st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat),
        "table": st.lists(
            st.fixed_dictionaries({"name": some}, optional={"kind": st.sampled_from(["p", "f"])}),
            min_size=1, max_size=30
        ),
        "text": some,
    }  # fmt: skip
    answered = st.builds(Content, st.just("answered"), values[question.type], words)
    return st.one_of(answered, st.builds(Content, st.just("not_applicable"), st.none(), some), st.just(EMPTY))


@limits(max_examples=25, deadline=None)
@supposing(data=st.data())
def test_whatever_is_answered_comes_back_the_same(data: st.DataObject) -> None:
    definition = small()
    held = {
        key: (data.draw(st.integers(1, 10**6)), data.draw(_contents(question)))
        for key, question in definition.questions.items()
        if data.draw(st.booleans())
    }
    found = back(definition, held)
    for key, content in found.items():
        assert content == held.get(key, (0, EMPTY))[1], key
    assert set(found) == set(definition.questions)


def test_numbers_keep_every_digit() -> None:
    definition = with_question(small(), "one.days", at_most=None, decimals=10)
    for text in ("0", "-0.5", "123456789012345", "0.1", "999999999999999.0123456789", "0.3000000001"):
        held = {"one.days": (1, Content("answered", text))}
        assert back(definition, held)["one.days"] == held["one.days"][1]


def test_labels_that_read_alike_are_told_apart() -> None:
    options = tuple(Option(value, label) for value, label in (("a", "Yes"), ("b", "yes "), ("c", "Yes (a)")))
    definition = with_question(small(), "one.locks", options=options, findings=())
    for option in options:
        held = {"one.locks": (1, Content("answered", option.value))}
        assert back(definition, held)["one.locks"] == held["one.locks"][1]


def test_a_workbook_has_lists_to_choose_from_and_nothing_to_run() -> None:
    data = written(small(), {})
    sheet = parts(data)["xl/worksheets/sheet2.xml"].decode()
    assert sheet.count("<dataValidation ") > 8
    assert "Lists!$A$1:$B$1" in sheet
    assert re.search(r'type="whole"[^>]*>.*?<formula1>0</formula1><formula2>365</formula2>', sheet)
    assert not any("vba" in name.casefold() or "externalLink" in name for name in parts(data))
    first = tables(data)["Read me"]
    said = " ".join(str(cell) for row in first for cell in row)
    for word in ("Halden", "Fennmark", "Claims", "An empty cell changes nothing", "yes or no", "formula"):
        assert word in said


def test_the_largest_questionnaire_is_read_again() -> None:
    """As many questions, options and rows as our own limits on reading let through."""
    definition = catalog.latest("security_core")
    sections = tuple(
        replace(
            section,
            key=f"s{turn}.{section.key}",
            questions=tuple(
                replace(one, key=f"t{turn}.{one.key}", visible_when=None) for one in section.questions
            ),
            visible_when=None,
        )
        for turn in range(6)
        for section in definition.sections
    )
    large = replace(definition, sections=sections)
    found = back(large, {})
    assert set(found) == set(large.questions)
    assert len(found) > 800
