"""Frozen types behave as the data classes that type checkers take them for."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from questionnaires.definition import Band, Option, Question, Questionnaire, Section
from questionnaires.frozen import dataclass, field

OPTION = Option("yes", "Yes", points=100)


def test_objects_are_made_from_positions_names_and_defaults() -> None:
    assert (OPTION.value, OPTION.label, OPTION.points, OPTION.exclusive) == ("yes", "Yes", 100, False)
    assert repr(OPTION) == "Option(value='yes', label='Yes', points=100, exclusive=False)"
    assert Questionnaire("a", "1.0.0", "A", "intake", "en", "CC0", "", ()).files == {}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (("good",), {}),
        (("good", "Good", 1, 4, 5), {}),
        (("good", "Good", 1, 4), {"label": "Twice"}),
        (("good", "Good", 1, 4), {"colour": "red"}),
        (("good", "Good", 1), {"colour": "red"}),
        ((), {"name": "good"}),
    ],
)
def test_what_does_not_fit_is_refused(values: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"^Band\(\) takes name, label, minimum, level; given were "):
        Band(*values, **named)  # type: ignore[arg-type]


def test_nothing_can_be_changed() -> None:
    for change in (lambda: setattr(OPTION, "label", "No"), lambda: delattr(OPTION, "label")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPTION.colour = "red"  # type: ignore[attr-defined]
    assert OPTION.label == "Yes"


def test_equal_fields_make_equal_objects_of_one_type() -> None:
    assert Option("yes", "Yes", 100) == OPTION
    assert hash(Option("yes", "Yes", 100)) == hash(OPTION)
    assert Option("yes", "Yes") != OPTION
    assert OPTION != ("yes", "Yes", 100, False)


def test_fields_that_are_not_compared_or_shown() -> None:
    @dataclass(frozen=True)
    class Made:
        one: int
        many: list[int] = field(default_factory=list, compare=False, repr=False)

    first, second = Made(1), Made(1, [2])
    assert first == second
    assert hash(first) == hash(second)
    assert repr(second) == "test_fields_that_are_not_compared_or_shown.<locals>.Made(one=1)"
    assert first.many == []
    assert first.many is not Made(1).many


def test_dataclasses_finds_in_them_what_it_looks_for() -> None:
    assert dataclasses.is_dataclass(Section)
    assert dataclasses.asdict(OPTION) == {"value": "yes", "label": "Yes", "points": 100, "exclusive": False}
    assert dataclasses.replace(OPTION, label="Aye") == Option("yes", "Aye", 100)
    by_name = {one.name: one for one in dataclasses.fields(Question)}
    assert by_name["weight"].default == 0
    assert by_name["key"].default is dataclasses.MISSING
    (files,) = (one for one in dataclasses.fields(Questionnaire) if one.name == "files")
    assert not files.compare
    assert not files.repr


def test_they_are_copied_pickled_and_matched() -> None:
    for again in (copy.copy(OPTION), copy.deepcopy(OPTION), pickle.loads(pickle.dumps(OPTION))):
        assert again == OPTION
    match OPTION:
        case Option(value, _, points):
            assert (value, points) == ("yes", 100)
