"""Three-way merge of definitions: laws, conflicts, order, and what is taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from made_up import RANDOM, random_definition
from made_up_versions import next_version
from small_definitions import YES_NO, choices, definition, document, question

from questionnaires.merging import Merge, Path, Side, merge
from questionnaires.merging_order import merged_order
from questionnaires.raw import raw, read_raw

Raw = dict[str, Any]


def doc(*questions: Raw, **header: Any) -> Raw:
    return raw(definition(*questions, **header))


def own(*questions: Raw, **header: Any) -> Raw:
    return doc(*questions, **{"slug": "mine", "version": "3.1.0", "based_on": "tiny@1.0.0", **header})


def newer(*questions: Raw, **header: Any) -> Raw:
    return doc(*questions, **{"version": "2.0.0", **header})


def keys(found: Raw) -> list[str]:
    return [one["key"] for section in found["sections"] for one in section["questions"]]


def paths(found: Merge) -> list[Path]:
    return [one.path for one in found.conflicts]


A, B, C = question("a.one"), question("a.two"), question("a.three")


@given(RANDOM)
def test_laws(rnd: Any) -> None:
    first = random_definition(rnd)
    base, mine, new = raw(first), raw(next_version(rnd, first)), raw(next_version(rnd, first))
    for one, two, three, told in (
        (base, mine, base, mine),
        (base, base, new, new),
        (base, mine, mine, mine),
        (base, base, base, base),
    ):
        found = merge(one, two, three)
        assert found.raw == told
        assert found.conflicts == ()
    assert merge(base, mine, base).taken == ()


@given(RANDOM)
def test_a_merge_is_whole_and_its_conflicts_can_be_settled(rnd: Any) -> None:
    first = random_definition(rnd)
    base, mine, new = raw(first), raw(next_version(rnd, first)), raw(next_version(rnd, first))
    before = [repr(one) for one in (base, mine, new)]
    found = merge(base, mine, new)
    # Nothing that came in has been touched, and what comes out can be read: conditions are for check.
    assert [repr(one) for one in (base, mine, new)] == before
    draft = read_raw(found.raw)
    assert draft.definition is not None
    assert len(set(keys(found.raw))) == len(keys(found.raw))
    sides: tuple[Side, ...] = ("base", "own", "new")
    for side in sides:
        choices_made: dict[Path, Side] = {one.path: side for one in found.conflicts}
        assert merge(base, mine, new, choices_made).conflicts == ()
    for one in found.conflicts:
        assert one.own not in (one.base, one.new)
        assert one.base != one.new
    for taken in found.taken:
        assert taken.own == taken.base != taken.new


def test_what_nobody_touched_here_is_taken() -> None:
    base = doc(A, B)
    mine = own(question("a.one", weight=3), B, question("own.mine"))
    new = newer(A, question("a.two", text="What about a.two now?"), C, summary="Newer.")
    found = merge(base, mine, new)
    assert found.conflicts == ()
    assert keys(found.raw) == ["a.one", "a.two", "a.three", "own.mine"]
    one, two = found.raw["sections"][0]["questions"][:2]
    assert (one["weight"], two["text"]) == (3, "What about a.two now?")
    assert (found.raw["slug"], found.raw["version"], found.raw["based_on"]) == ("mine", "3.1.0", "tiny@2.0.0")
    assert [taken.path for taken in found.taken] == [
        ("based_on",),
        ("summary",),
        ("question", "a.two", "text"),
        ("question", "a.three"),
    ]


@pytest.mark.parametrize(
    ("base", "mine", "new", "path", "values"),
    [
        (A, question("a.one", weight=3), question("a.one", weight=4), ("question", "a.one", "weight"), (None, 3, 4)),
        (A, question("a.one", weight=3), None, ("question", "a.one"), None),
        (A, None, question("a.one", weight=3), ("question", "a.one"), None),
        (None, question("a.one", help="x"), question("a.one", help="y"),
         ("question", "a.one", "help"), (None, "x", "y")),
    ],
)  # fmt: skip
def test_conflicts(
    base: Raw | None, mine: Raw | None, new: Raw | None, path: Path, values: tuple[Any, ...] | None
) -> None:
    sides = [
        make(*([B] if one is None else [one, B])) for make, one in ((doc, base), (own, mine), (newer, new))
    ]
    found = merge(*sides)
    assert paths(found) == [path]
    conflict = found.conflicts[0]
    assert (conflict.section, conflict.question, conflict.field) == (
        "",
        "a.one",
        path[2] if len(path) > 2 else "",
    )
    if values is not None:
        assert (conflict.base, conflict.own, conflict.new) == values
    # Own has its way while the conflict is open; a choice ends it.
    assert keys(found.raw) == keys(sides[1])
    settled = merge(*sides, choices={path: "new"})
    assert settled.conflicts == ()
    assert keys(settled.raw) == keys(sides[2])


def test_options_are_merged_by_value() -> None:
    def with_options(*options: Raw) -> Raw:
        return choices(options=list(options))

    disk, tape, none = choices()["options"]
    base = doc(with_options(disk, tape, none))
    mine = own(with_options({**disk, "label": "Hard disk"}, tape, none))
    new = newer(with_options(disk, {"value": "cloud", "label": "Cloud"}, {**tape, "label": "Tapes"}, none))
    found = merge(base, mine, new)
    assert found.conflicts == ()
    assert found.raw["sections"][0]["questions"][0]["options"] == [
        {**disk, "label": "Hard disk"},
        {"value": "cloud", "label": "Cloud"},
        {**tape, "label": "Tapes"},
        none,
    ]
    clash = merge(base, mine, newer(with_options({**disk, "label": "Disks"}, tape, none)))
    assert paths(clash) == [("question", "a.kinds", "options", "disk", "label")]
    assert clash.conflicts[0].field == "options"


@pytest.mark.parametrize(
    ("path", "odd"),
    [
        (("bands",), {"minimum": 5, "label": "Nobody's"}),
        (("bands",), {"name": "good", "minimum": 5, "label": "Good again"}),
        (("question", "a.kinds", "options"), {"value": "disk", "label": "Disk again"}),
        (("question", "a.kinds", "options"), {"label": "No value"}),
    ],
)
def test_rows_that_their_names_do_not_tell_apart_are_merged_as_one_list(path: Path, odd: Raw) -> None:
    def rows(side: Raw) -> list[Raw]:
        table = side if path[0] == "bands" else side["sections"][0]["questions"][0]
        found: list[Raw] = table[path[-1]]
        return found

    base, mine, new = doc(choices()), own(choices()), newer(choices())
    # What a draft may say while it is written; nobody changed it there, so it stays.
    rows(mine).append(odd)
    kept = merge(base, mine, new)
    assert (rows(kept.raw), kept.conflicts) == (rows(mine), ())
    # Both changed it: asked as a whole, and not a row is lost until somebody has chosen.
    rows(new)[0]["label"] = "Newer"
    asked = merge(base, mine, new)
    assert rows(asked.raw) == rows(mine)
    assert [(one.path, one.own, one.new) for one in asked.conflicts] == [(path, rows(mine), rows(new))]
    assert rows(merge(base, mine, new, {path: "new"}).raw) == rows(new)


def section(key: str, *questions: Raw, **fields: Any) -> Raw:
    return {"key": key, "title": key, "questions": list(questions), **fields}


def test_sections_come_go_and_differ() -> None:
    base = doc(sections=[section("s", A), section("t", B)])
    mine = own(sections=[section("s", A, weight=3), section("t", B)])
    new = newer(sections=[section("u", C), section("s", A, weight=4), section("t", B, title="T")])
    found = merge(base, mine, new)
    assert paths(found) == [("section", "s", "weight")]
    assert (found.conflicts[0].section, found.conflicts[0].question) == ("s", "")
    assert [(one["key"], one["title"]) for one in found.raw["sections"]] == [
        ("u", "u"),
        ("s", "s"),
        ("t", "T"),
    ]
    header = merge(base, own(A, title="X"), newer(A, title="Y")).conflicts[0]
    assert (header.path, header.section, header.question, header.field) == (("title",), "", "", "title")


def test_a_question_put_into_a_section_that_was_deleted_brings_it_back() -> None:
    base = doc(sections=[section("s", A), section("t", B)])
    mine = own(sections=[section("s", A)])
    new = newer(sections=[section("s", A), section("t", B, C)])
    found = merge(base, mine, new)
    assert found.conflicts == ()
    assert keys(found.raw) == ["a.one", "a.three"]
    assert [one["key"] for one in found.raw["sections"]] == ["s", "t"]
    assert ("question", "a.three") in [one.path for one in found.taken]


def test_a_question_that_moved_stands_in_one_section() -> None:
    base = doc(sections=[section("s", A, B), section("t", C)])
    mine = own(sections=[section("s", question("a.one", weight=3), B), section("t", C)])
    new = newer(sections=[section("s", B), section("t", A, C)])
    found = merge(base, mine, new)
    assert [[one["key"] for one in part["questions"]] for part in found.raw["sections"]] == [
        ["a.two"],
        ["a.one", "a.three"],
    ]
    assert found.raw["sections"][1]["questions"][0]["weight"] == 3


def test_a_renamed_question_is_the_same_question() -> None:
    base, mine = doc(A, B), own(question("a.one", weight=3), B)
    renamed = question("a.new", text="What about a.one?", formerly=["a.one@1"])
    found = merge(base, mine, newer(renamed, B))
    assert found.conflicts == ()
    assert found.raw["sections"][0]["questions"][0] == {
        "key": "a.new",
        "text": "What about a.one?",
        "formerly": ["a.one@1"],
        "type": "choice",
        "options": YES_NO,
        "weight": 3,
    }
    # Another revision is another question: deleted there, edited here.
    other = question("a.new", formerly=["a.one@2"])
    assert paths(merge(base, mine, newer(other, B))) == [("question", "a.one")]


def test_words_never_stand_under_the_revision_of_another_meaning() -> None:
    base = doc(question("a.one", text="Is it encrypted where it lies?"), B)
    new = newer(question("a.one", text="Is it encrypted on its way?", revision=2, help="By TLS."), B)
    edited = question("a.one", text="Is all of it encrypted where it lies?", weight=3)
    found = merge(base, own(edited, B), new)
    assert paths(found) == [("question", "a.one")]
    assert found.raw["sections"][0]["questions"][0] == own(edited, B)["sections"][0]["questions"][0]
    taken = merge(base, own(edited, B), new, {("question", "a.one"): "new"})
    assert taken.raw["sections"][0]["questions"][0] == new["sections"][0]["questions"][0]
    # The other way round, in a line of one's own; and whoever has changed no word keeps what else was changed.
    assert ("question", "a.one") in paths(merge(base, new, own(edited, B)))
    weighed = merge(base, own(question("a.one", text="Is it encrypted where it lies?", weight=3), B), new)
    assert weighed.conflicts == ()
    one = weighed.raw["sections"][0]["questions"][0]
    assert (one["revision"], one["weight"], one["text"]) == (2, 3, "Is it encrypted on its way?")


def test_conditions_follow_a_renamed_question() -> None:
    """One that nobody else touched, one that was edited here, and one of a question of one's own; no literal does."""
    when = 'a.one == "yes"'
    base = doc(A, question("a.two", visible_when=when), question("a.three", visible_when=when))
    renamed = question("a.new", text="What about a.one?", formerly=["a.one@1"])
    theirs = 'a.new == "yes"'
    found = merge(
        base,
        own(
            A,
            question("a.two", visible_when=when),
            question("a.three", visible_when=f"{when} and answered(own.x)"),
            question("own.x", visible_when='answered(a.one) and a.two != "a.one"'),
        ),
        newer(renamed, question("a.two", visible_when=theirs), question("a.three", visible_when=theirs)),
    )
    assert found.conflicts == ()
    conditions = {one["key"]: one.get("visible_when") for one in found.raw["sections"][0]["questions"]}
    assert conditions == {
        "a.new": None,
        "a.two": theirs,
        "a.three": f"{theirs} and answered(own.x)",
        "own.x": 'answered(a.new) and a.two != "a.one"',
    }


@pytest.mark.parametrize(
    ("mine", "new", "told"),
    [
        ((B, A, C), (A, B, C), ["a.two", "a.one", "a.three"]),
        ((A, B, C), (C, A, B), ["a.three", "a.one", "a.two"]),
        ((B, A, C), (C, A, B), ["a.two", "a.one", "a.three"]),
        ((A, question("own.x"), B, C), (C, B, A), ["a.three", "a.two", "a.one", "own.x"]),
        ((question("own.x"), A, B, C), (A, B, question("a.four"), C),
         ["own.x", "a.one", "a.two", "a.four", "a.three"]),
        ((C, B), (A, B, C, question("a.four")), ["a.three", "a.four", "a.two"]),
    ],
)  # fmt: skip
def test_order(mine: tuple[Raw, ...], new: tuple[Raw, ...], told: list[str]) -> None:
    assert keys(merge(doc(A, B, C), own(*mine), newer(*new)).raw) == told


@pytest.mark.parametrize(
    ("base", "mine", "new", "wanted", "told"),
    [
        # Behind the neighbour before, else before the one after, else at the end.
        ("abc", "xabc", "aybc", "abcxy", "xaybc"),
        ("abc", "xbac", "yabc", "abcxy", "xbyac"),
        ("bc", "xcb", "ybc", "bcxy", "xcyb"),
        ("c", "xc", "yzc", "cxyz", "xyzc"),
        ("c", "xc", "y", "xy", "xy"),
        ("c", "xc", "cy", "xy", "xy"),
        # What nobody lists any more, but is wanted all the same.
        ("abc", "ac", "ac", "abc", "acb"),
        ("", "", "", "", ""),
    ],
)
def test_the_order_of_what_is_added(base: str, mine: str, new: str, wanted: str, told: str) -> None:
    assert "".join(merged_order({"base": base, "own": mine, "new": new}, wanted)) == told


def test_fields_and_options_that_were_taken_out() -> None:
    base = doc(question("a.one", help="Help."), choices())
    mine = own(question("a.one", help="Help.", weight=3), choices())
    new = newer(A, choices(options=choices()["options"][:2]))
    found = merge(base, mine, new)
    one, kinds = found.raw["sections"][0]["questions"]
    assert "help" not in one
    assert [option["value"] for option in kinds["options"]] == ["disk", "tape"]
    assert (found.conflicts, len(found.taken)) == ((), 3)  # and based_on


def test_a_version_of_the_same_line_takes_the_new_number() -> None:
    found = merge(doc(A), doc(A), newer(A))
    assert (found.raw["version"], found.conflicts) == ("2.0.0", ())
    free = merge(doc(A), own(A, based_on="other@1.0.0"), newer(A))
    assert free.raw["based_on"] == "other@1.0.0"


def test_raw_is_the_documented_form_and_back() -> None:
    one = definition(*document()["sections"][0]["questions"])
    assert read_raw(raw(one)).definition == one
    assert [str(fault) for fault in read_raw({"format": 1.5}).faults] == [
        "draft: file: a float has no canonical form"
    ]


def test_faults_say_where_they_belong() -> None:
    bad = document(
        question("a.one", weight=101),
        question("a.two", options=[{"value": "yes", "label": ""}]),
        question("Bad Key"),
        question("a.three", visible_when="a.gone == 'x'"),
        title="",
    )
    draft = read_raw(bad)
    assert draft.definition is not None
    from questionnaires.checking import check

    found = [*draft.faults, *check(draft.definition, spoilt=draft.spoilt)]
    assert {(one.section, one.question, one.field) for one in found} == {
        ("", "", "title"),
        ("a", "a.one", "weight"),
        ("a", "a.two", "options"),
        ("a", "question 3 of a", "key"),
        ("a", "a.three", "visible_when"),
    }
    parts = document(sections=[section("a", A, weight=500), section("b", B, visible_when="x.y == 1")])
    whole = read_raw(parts)
    assert whole.definition is not None
    both = [*whole.faults, *check(whole.definition, spoilt=whole.spoilt)]
    assert {(one.section, one.question, one.field) for one in both} >= {
        ("a", "", "weight"),
        ("b", "", "visible_when"),
    }
