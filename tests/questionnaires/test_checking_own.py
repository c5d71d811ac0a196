"""Keys of an organisation's own versions: shipped ones stay what they are, its own keep their meaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_definitions import data, definition, document, gate, number, question

from questionnaires import catalog
from questionnaires.__main__ import main
from questionnaires.checking import check_own
from questionnaires.definition import Questionnaire
from questionnaires.parsing import read_json
from questionnaires.raw import raw, read_raw

SHIPPED = (
    definition(question("a.one", formerly=["a.old@1"]), gate(), number("a.days", unit="days"), slug="basis"),
    definition(
        question("a.one", text="Is it all locked at night by someone?", reworded="1.1.0"),
        gate(),
        slug="basis",
        version="1.1.0",
    ),
)
UNLIKE = "Name every river that flows through your offices."


def own(*questions: dict[str, Any], version: str = "1.0.0", **header: Any) -> dict[str, Any]:
    return document(*questions, **{"slug": "ours", "based_on": "basis@1.0.0", "version": version, **header})


def released(*questions: dict[str, Any], version: str = "1.0.0", slug: str = "ours") -> Questionnaire:
    return definition(*questions, slug=slug, version=version)


def faults(
    given: dict[str, Any], line: tuple[Questionnaire, ...] = (), others: tuple[Questionnaire, ...] = ()
) -> list[tuple[str, str]]:
    draft = read_json(data(given))
    assert draft.definition is not None
    found = check_own(draft.definition, line=line, others=others, shipped=SHIPPED, spoilt=draft.spoilt)
    return [(one.key, one.message) for one in (*draft.faults, *found) if one.severity == "error"]


@pytest.mark.parametrize(
    "questions",
    [
        [question("a.one")],
        [question("a.one", text="Is it all locked at night by someone else?")],
        [question("a.one", weight=3, critical=True, help="Other help", refs=["X 1"])],
        [question("a.one", formerly=["a.old@1"]), number("a.days", unit="days")],
        [question("a.one", options=[{"value": "yes", "label": "Sure", "points": 90}])],
        [question("own.x"), question("a.one", visible_when='own.x == "yes"')],
        [question("own.x", formerly=["a.one@1"])],
    ],
)
def test_a_version_of_ones_own_may(questions: list[dict[str, Any]]) -> None:
    assert faults(own(*questions)) == []


@pytest.mark.parametrize(
    ("questions", "key", "part"),
    [
        ([question("b.new")], "b.new", "key: no shipped question is called so"),
        ([question("a.one", revision=2)], "a.one", "revision: 2 was never shipped, only 1"),
        ([question("a.one", text=UNLIKE)], "a.one", "text: is less than half alike to that of basis@1.1.0"),
        ([question("a.one", text=UNLIKE, reworded="1.0.0")], "a.one", "text: is less than half alike"),
        ([number("a.one")], "a.one", "type: was choice in basis@1.1.0"),
        ([number("a.days", unit="weeks")], "a.days", 'unit: was "days" in basis@1.0.0'),
        (
            [
                question(
                    "a.one",
                    options=[
                        {"value": "yes", "label": "Yes", "points": 9},
                        {"value": "so", "label": "So", "points": 1},
                    ],
                )
            ],
            "a.one",
            "options: so cannot be answered in basis@1.1.0",
        ),
        ([question("a.one", formerly=["a.gate@1"])], "a.one", "formerly: a.gate@1 is not claimed by it"),
        ([question("own.x", formerly=["a.old@1"])], "own.x", "formerly: a.old@1 is claimed by a.one"),
    ],
)
def test_a_version_of_ones_own_may_not(questions: list[dict[str, Any]], key: str, part: str) -> None:
    found = faults(own(*questions))
    assert [one for one in found if one[0] == key and part in one[1]], found
    assert len(found) == 1


def test_the_name_of_a_shipped_questionnaire_is_taken() -> None:
    assert [key for key, _ in faults(own(question("a.one"), slug="basis", version="7.0.0"))] == ["slug"]


@pytest.mark.parametrize(("version", "said"), [("1.0.0", True), ("0.9.0", True), ("1.0.1", False)])
def test_a_release_has_a_higher_number_than_the_one_before(version: str, said: bool) -> None:
    found = faults(own(question("a.one"), version=version), line=(released(question("a.one")),))
    assert found == ([("version", "1.0.0 is released; write a higher number")] if said else [])


def test_a_retired_key_of_ones_own_stays_retired_and_a_shipped_one_comes_back() -> None:
    line = (
        released(question("own.x"), question("a.one")),
        released(question("own.y"), version="2.0.0"),
    )
    found = faults(own(question("own.x"), question("a.one"), version="3.0.0"), line=line)
    assert found == [("own.x", "key: own.x was retired (ours@1.0.0) and may not be used again")]


def test_ones_own_question_keeps_its_meaning_in_the_line_and_beside_it() -> None:
    line = (released(question("own.x", revision=2)),)
    assert faults(own(question("own.x"), version="2.0.0"), line=line)[0][1].startswith("revision: falls to 1")
    beside = (released(question("own.x"), slug="theirs"),)
    assert "theirs@1.0.0" in faults(own(question("own.x", text=UNLIKE)), others=beside)[0][1]
    assert faults(own(question("own.x", text=UNLIKE, revision=2)), others=beside) == []


def test_a_copy_of_every_shipped_questionnaire_but_the_intake_is_sound_as_it_stands() -> None:
    shipped = [catalog.get(label) for label in catalog.shipped()]
    for one in shipped:
        given = {**raw(one), "slug": "ours", "version": "1.0.0", "based_on": one.label}
        found = check_own(read_raw(given).whole(), shipped=shipped)
        wrong = [fault.key for fault in found if fault.severity == "error"]
        assert wrong == (["purpose"] if one.purpose == "intake" else []), one.label


def test_the_command_line_holds_own_versions_against_what_is_shipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = catalog.latest("security_lite")
    given = {**raw(base), "slug": "ours", "version": "1.0.0", "based_on": base.label}
    given["sections"][0]["questions"][0]["text"] = UNLIKE
    path = tmp_path / "ours.json"
    path.write_text(json.dumps(given))
    assert main(["check", str(path)]) == 1
    assert "is less than half alike to that of" in capsys.readouterr().err
