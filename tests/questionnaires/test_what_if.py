"""What a draft does to stored submissions: equal to scoring by hand, lazily, in one process and in several."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from made_up import (
    BANDS,
    RANDOM,
    TODAY,
    answered,
    choice,
    made,
    random_answers,
    random_definition,
    random_facts,
    random_shown,
)
from made_up_versions import next_version

from questionnaires import catalog
from questionnaires.answers import parse_answers
from questionnaires.carry_forward import carry
from questionnaires.changes import diff
from questionnaires.conditions import parse as parse_condition
from questionnaires.definition import Band, Question, Questionnaire
from questionnaires.requirements import Answered, Shift, evaluate, load
from questionnaires.scoring import score
from questionnaires.what_if import Engagement, Foreseen, Foresight, Stored, what_if
from questionnaires.what_if_many import PARCEL, Packed, PackedEngagement, Sheet, what_if_many
from questionnaires.what_if_packed import Reader

ONE, TWO = choice("a", 100, 60, 0), choice("b", 100, 60, 0)


def foresee(old: Questionnaire, new: Questionnaire, **answers: Any) -> Foreseen:
    given_answers = {
        key: answered(value) if isinstance(value, str) else value for key, value in answers.items()
    }
    [found] = what_if(replace(new, version="2.0.0"), [Stored("x", old, given_answers, {}, TODAY)])
    return found


@pytest.mark.parametrize(
    ("new", "answers", "verdict", "bands"),
    [
        (made(ONE, TWO), {"a": "o0", "b": "o0"}, "same", ("strong", "strong", "strong", "strong")),
        # Reviewing anew, and a new question, leave the range open.
        (made(ONE, TWO), {"a": answered("o0", "challenged"), "b": "o0"}, "cannot_tell",
         ("partial", "strong", "strong", "strong")),
        (made(ONE, TWO, choice("c")), {"a": "o0", "b": "o0"}, "cannot_tell", ("strong", "strong", "partial", "strong")),
        (made(replace(ONE, weight=100), TWO), {"a": "o0", "b": "o2"}, "better",
         ("partial", "partial", "strong", "strong")),
        (made(ONE, replace(TWO, weight=100)), {"a": "o0", "b": "o2"}, "worse", ("partial", "partial", "weak", "weak")),
        # The ranges do not touch, though neither is a point.
        (made(replace(ONE, weight=100), TWO, choice("c", weight=1)), {"a": "o0", "b": "o2"}, "better",
         ("partial", "partial", "strong", "strong")),
        # An answer whose option is gone has to be given anew.
        (made(ONE, choice("b", 100, 60)), {"a": "o0", "b": "o2"}, "cannot_tell",
         ("partial", "partial", "partial", "strong")),
    ],
)  # fmt: skip
def test_bands_before_and_after(
    new: Questionnaire, answers: dict[str, Any], verdict: str, bands: tuple[str, ...]
) -> None:
    found = foresee(made(ONE, TWO), new, **answers)
    got = (found.before.band, found.before.best_band, found.after.band, found.after.best_band)
    assert (found.verdict, got) == (verdict, bands)


@pytest.mark.parametrize(
    ("bands", "verdict"),
    [
        # Other names: levels are compared.
        ((Band("gold", "Gold", 70, 4), Band("lead", "Lead", 0, 1)), "same"),
        ((Band("gold", "Gold", 70, 3), Band("lead", "Lead", 0, 1)), "worse"),
        ((), "cannot_tell"),
    ],
)
def test_other_bands(bands: tuple[Band, ...], verdict: str) -> None:
    new = made(ONE, bands=bands, knockout_band=None)
    assert foresee(made(ONE), new, a="o0").verdict == verdict


def test_what_is_not_assessed_stays_so() -> None:
    plain = Question("t", "Question t?", "text")
    found = foresee(made(plain), made(plain, choice("g", None, None, weight=0)), t="words")
    assert (found.verdict, found.before.score, found.after.score) == ("same", None, None)
    assert found.to_json()["before"] == {"score": None, "high": None, "band": None, "best_band": None}


def test_knock_outs_that_appear_and_vanish() -> None:
    critical = replace(ONE, critical=True)
    renamed = replace(critical, key="n", formerly=("a@1",))
    other = replace(TWO, critical=True)

    def shifts(
        old: Questionnaire, new: Questionnaire, **answers: str
    ) -> list[tuple[str, str | None, str | None]]:
        return [tuple(one) for one in foresee(old, new, **answers).knockouts]

    assert shifts(made(ONE, TWO), made(critical, TWO), a="o2", b="o0") == [("a", None, "failed")]
    assert shifts(made(critical, TWO), made(ONE, TWO), a="o2", b="o0") == [("a", "failed", None)]
    assert shifts(made(critical, TWO), made(renamed, TWO), a="o2", b="o0") == []
    assert shifts(made(critical, TWO), made(renamed, other), a="o2", b="o2") == [("b", None, "failed")]
    assert shifts(made(critical, TWO), made(TWO), a="o2", b="o0") == [("a", "failed", None)]
    assert shifts(made(ONE), made(ONE, other), a="o0") == [("b", None, "open")]
    told = foresee(made(ONE), made(ONE, other), a="o0").to_json()
    assert told["knockouts"] == [{"key": "b", "before": None, "after": "open"}]
    assert (told["label"], told["verdict"], told["unanswered"], told["unreviewed"]) == (
        "x",
        "cannot_tell",
        1,
        0,
    )


def test_what_has_to_be_asked_and_reviewed_anew_is_counted() -> None:
    new = made(ONE, replace(TWO, revision=2), choice("c"))
    found = foresee(made(ONE, TWO), new, a=answered("o0", "accepted"), b="o0")
    assert (found.unanswered, found.unreviewed) == (2, 1)


@given(RANDOM)
def test_it_is_the_score_of_what_carry_forward_offers(rnd: Any) -> None:
    old = random_definition(rnd)
    new = next_version(rnd, old)
    facts = random_facts(rnd)
    stored = [
        Stored(str(at), old, random_answers(rnd, old), facts, TODAY, random_shown(rnd, old))
        for at in range(3)
    ]
    came = {change.old_key: key for key, change in diff(old, new).by_key.items() if change.new is not None}
    for one, found in zip(stored, what_if(new, iter(stored)), strict=True):
        confirmed = {
            key: offer.answer
            for key, offer in carry(old, new, one.answers, as_of=TODAY).items()
            if offer.answer is not None
        }
        shown = [came[key] for key in one.shown if key in came]
        before = score(old, one.answers, facts, TODAY, one.shown)
        after = score(new, confirmed, facts, TODAY, shown)
        assert (found.label, found.requirements) == (one.label, ())
        assert found.before == (before.score, before.high, before.band, before.best_band)
        assert found.after == (after.score, after.high, after.band, after.best_band)
        ranks = {band.name: at for at, band in enumerate(reversed(BANDS))}
        ranges = [[ranks[name] for name in (one.band, one.best_band) if name] for one in (before, after)]
        if all(ranges):
            certain = len({*ranges[0], *ranges[1]}) == 1
            apart = min(ranges[1]) > max(ranges[0]) or max(ranges[1]) < min(ranges[0])
            assert (found.verdict == "same") == certain
            assert (found.verdict in ("better", "worse")) == apart
        assert json.loads(json.dumps(found.to_json())) == found.to_json()
        packed = Packed(one.label, Sheet(old.content_hash, TODAY.isoformat(), ""), {}, (), before.to_json())
        on_record = Reader(old).stored(packed, ()).rated
        assert [*what_if(new, [replace(one, rated=on_record)])] == [found]


def test_submissions_are_read_as_results_are_asked_for() -> None:
    read = []

    def stored() -> Iterator[Stored]:
        for at in range(100):
            read.append(at)
            yield Stored(str(at), made(ONE), {"a": answered("o0")}, {}, TODAY)

    results = what_if(made(ONE), stored())
    assert next(results).label == "0"
    assert next(results).label == "1"
    assert read == [0, 1]


def sample(name: str) -> tuple[Questionnaire, Stored, Packed]:
    """A sample of an invented vendor, typed and as it is stored."""
    raw: Any = catalog.sample(name)
    label = f"{raw['questionnaire']['slug']}@{raw['questionnaire']['version']}"
    definition = catalog.get(label)
    file = parse_answers(definition, raw)
    lines = "\n".join(f"{key}\t{json.dumps(one)}" for key, one in raw["answers"].items())
    sheet = Sheet(definition.content_hash, raw["as_of"], lines, shown=file.shown)
    return (
        definition,
        Stored(name, definition, file.answers, file.facts, file.as_of, file.shown),
        Packed(name, sheet, raw["facts"]),
    )


def without(definition: Questionnaire, *keys: str) -> Questionnaire:
    """A next version without these questions; nothing else may hang on them."""
    sections = tuple(
        replace(one, questions=tuple(each for each in one.questions if each.key not in keys))
        for one in definition.sections
    )
    return replace(definition, version="9.0.0", sections=sections)


def test_requirements_that_appear_or_vanish() -> None:
    catalogue = load()
    for name in catalog.samples():
        old, stored, _ = sample(name)
        asked = {key for one in catalogue.requirements for key in one.required_when.names}
        gates = {key for one in old.questions.values() if one.visible_when for key in one.visible_when.names}
        gates |= {key for cap in old.caps for key in cap.when.names}
        gone = [key for key in old.questions if key in asked - gates]
        new = without(old, *gone)
        [found] = what_if(new, [stored], catalogue=catalogue)
        confirmed = {
            key: one.answer
            for key, one in carry(old, new, stored.answers, as_of=stored.as_of).items()
            if one.answer is not None
        }
        was = evaluate(catalogue, [Answered(old, stored.answers, stored.as_of, stored.shown)], stored.facts)
        will = evaluate(catalogue, [Answered(new, confirmed, stored.as_of, stored.shown)], stored.facts)
        told = {
            (before.requirement.key, before.outcome, after.outcome)
            for before, after in zip(was, will, strict=True)
            if before.outcome != after.outcome
        }
        assert {tuple(one) for one in found.requirements} == told
        assert told
        # Of an engagement, also what stays open and waits for something else.
        anew = {
            (before.requirement.key, before.outcome, after.outcome)
            for before, after in zip(was, will, strict=True)
            if before.outcome == after.outcome == "undetermined"
            and before.requirement.severity == "must"
            and {*before.would_settle} != {*after.would_settle}
        }
        of = replace(stored, engagements=(Engagement("one", stored.facts),))
        [found] = what_if(new, [of], catalogue=catalogue)
        assert {*found.engagements.get("one", found.requirements)} == told | anew
        # Beside another current submission that still answers, nothing is lost.
        both = replace(stored, others=(Answered(old, stored.answers, stored.as_of),))
        [kept] = what_if(new, [both], catalogue=catalogue)
        assert kept.requirements == ()


NOTICE, FLOW_DOWN = "gdpr.subprocessor_notice", "nist.flow_down"


def about(name: str, *regimes: str, data: str = "personal", others: tuple[Answered, ...] = ()) -> Engagement:
    facts = {"organisation.regimes": frozenset(regimes), "engagement.data": frozenset({data})}
    return Engagement(name, facts, others)


def test_requirements_are_read_for_each_engagement_by_itself() -> None:
    """By its facts, and with what was submitted for it; the facts of the issue, over all of them, say nothing."""
    old, stored, packed = sample("norrsund_pay")
    catalogue = load()
    new = without(old, "suppliers.change_notice")
    beside = Answered(old, stored.answers, stored.as_of)
    ours, theirs = about("ours", "gdpr"), about("theirs", "gdpr", data="public_only")
    covered, shift = about("covered", "gdpr", others=(beside,)), (NOTICE, "not_required", "undetermined")

    def found(*engagements: Engagement) -> Foreseen:
        one = replace(stored, facts=covered.facts, others=(), engagements=engagements)
        [told] = what_if(new, [one], catalogue=catalogue)
        return told

    assert found(ours).requirements == (shift,)
    assert found(ours).engagements == {}
    assert found(theirs).requirements == ()
    assert found(ours, ours._replace(name="too")).engagements == {}
    both = found(ours, theirs, covered)
    assert both.requirements == (shift,)
    assert both.engagements == {"ours": (shift,), "theirs": (), "covered": ()}
    assert both.to_json()["engagements"]["ours"] == [Shift(*shift).to_json()]
    raw = {"organisation.regimes": ["gdpr"], "engagement.data": ["personal"]}
    each = PackedEngagement("ours", raw), PackedEngagement("covered", raw, (1,))
    many = packed._replace(others=(packed.sheet._replace(lines=""), packed.sheet), engagements=each)
    [told] = what_if_many(new, [many], [old], with_requirements=True, workers=0)
    assert told.engagements == {"ours": (shift,), "covered": ()}


def test_a_must_that_stays_open_and_waits_for_something_else_is_told_of_its_engagement() -> None:
    """What two people settled of it held while it waited for what it waited for."""
    old, stored, _ = sample("norrsund_pay")
    asks = without(old, "suppliers.contracts")
    question = replace(
        old.questions["suppliers.contracts"], visible_when=parse_condition("suppliers.anew == 'o0'")
    )
    section = asks.sections[0]
    anew = replace(section, questions=(*section.questions, choice("suppliers.anew"), question))
    gated = replace(asks, version="9.1.0", sections=(anew, *asks.sections[1:]))
    kept = {key: one for key, one in stored.answers.items() if key in asks.questions}
    one = replace(stored, definition=asks, answers=kept, engagements=(about("ours", "us_federal"),))
    [told] = what_if(gated, [one], catalogue=load())
    assert told.requirements == ()
    assert told.engagements == {"ours": ((FLOW_DOWN, "undetermined", "undetermined"),)}
    [told] = what_if(replace(asks, version="9.2.0"), [one], catalogue=load())
    assert told.engagements == {}


def test_processes_say_the_same_in_the_same_order() -> None:
    samples = [sample(name) for name in catalog.samples()]
    old = samples[0][0]
    new = replace(old, version="9.0.0", weighting="flat")
    catalogue = load()
    packed = [
        one[2]._replace(label=f"{at}", others=(one[2].sheet,)) for at in range(PARCEL) for one in samples
    ]
    expected = {
        one[1].label: Foresight(new, (), catalogue).of(
            replace(one[1], others=(Answered(one[0], one[1].answers, one[1].as_of, one[1].shown),))
        )
        for one in samples
    }
    definitions = {one[0].content_hash: one[0] for one in samples}.values()
    for workers in (0, 2):
        found = list(what_if_many(new, packed, definitions, with_requirements=True, workers=workers))
        assert [one.label for one in found] == [one.label for one in packed]
        for at, one in enumerate(found):
            assert one._replace(label="") == expected[samples[at % len(samples)][1].label]._replace(label="")


def test_work_that_nobody_waits_for_ends() -> None:
    old, _, data = sample(catalog.samples()[0])
    read = []

    def endless() -> Iterator[Packed]:
        at = 0
        while True:
            read.append(at)
            yield data._replace(label=str(at))
            at += 1

    results = what_if_many(old, endless(), [old], workers=1)
    assert next(results).label == "0"
    results.close()
    assert len(read) <= 4 * PARCEL
    assert list(what_if_many(old, [], [old])) == []


def test_a_submission_of_an_unknown_definition_is_an_error() -> None:
    old, _, data = sample(catalog.samples()[0])
    with pytest.raises(KeyError):
        list(what_if_many(old, [Packed("x", data.sheet._replace(content_hash="0" * 64))], [old], workers=0))
