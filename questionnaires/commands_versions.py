"""The commands about versions: what differs, what old answers offer, and what a draft would do to them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from questionnaires.commands import answers_of, answers_table, print_json, sound
from questionnaires.inputs import InputError, say

if TYPE_CHECKING:
    from questionnaires.changes import Diff, QuestionChange, Word
    from questionnaires.definition import Questionnaire
    from questionnaires.what_if import Foreseen, Standing, Stored


def diff(chosen: argparse.Namespace) -> int:
    """Print what differs between two versions."""
    from questionnaires.changes import diff as compare

    old, new = sound(chosen.old), sound(chosen.new)
    found = compare(old, new, _between(old, new))
    if chosen.json:
        print_json(found.to_json())
    else:
        say("\n".join(_diff_lines(found)))
    return 0


def carry(chosen: argparse.Namespace) -> int:
    """Print what answers to the old version offer to each question of the new one."""
    from questionnaires.carry_forward import carry as offers_of
    from questionnaires.dates import parse_date

    old, new = sound(chosen.old), sound(chosen.new)
    file = answers_of(old, chosen.answers)
    due: date | None = None
    if chosen.due is not None:
        due = parse_date(chosen.due)
        if due is None:
            raise InputError([f"{chosen.due}: due: is no date such as 2026-11-21"])
    offers = offers_of(old, new, file.answers, as_of=file.as_of, due=due, between=_between(old, new))
    counts = {how: sum(one.how == how for one in offers.values()) for how in ("section", "single", "refused")}
    say(
        f"From {old.label} to {new.label}: {counts['section']} to confirm by section, {counts['single']} one by "
        f"one, {counts['refused']} to answer anew."
    )
    for key, one in offers.items():
        was = f" (was {one.old_key})" if one.old_key not in (None, key) else ""
        lapsed = f" {len(one.lapsed)} document(s) no longer hold." if one.lapsed else ""
        say(f"{one.how} {key}{was}: {one.reason}{lapsed}")
    return 0


def what_if(chosen: argparse.Namespace) -> int:
    """Print what a definition would make of each answers file."""
    from questionnaires.requirements import load as load_requirements
    from questionnaires.what_if import what_if as foresee

    new = sound(chosen.path)
    given = {one.label: one for one in [new, *map(sound, chosen.more)]}
    stored = []
    faults: list[str] = []
    for path in chosen.answers:
        try:
            stored.append(_stored(path, given))
        except InputError as error:
            faults += error.lines
    if faults:
        raise InputError(faults)
    counts: dict[str, int] = {}
    for one in foresee(new, stored, catalogue=load_requirements()):
        counts[one.verdict] = counts.get(one.verdict, 0) + 1
        say("\n".join(_foreseen_lines(one)))
    say(", ".join(f"{_VERDICTS[name]}: {counts[name]}" for name in _VERDICTS if name in counts))
    return 0


_VERDICTS = {"better": "better", "worse": "worse", "same": "the same", "cannot_tell": "cannot tell"}


def _between(old: Questionnaire, new: Questionnaire) -> list[Questionnaire]:
    """The shipped versions of the same questionnaire that were released between the two."""
    from questionnaires import catalog
    from questionnaires.patterns import ordered

    if old.slug != new.slug:
        return []
    return [
        catalog.get(f"{new.slug}@{version}")
        for version in catalog.versions(new.slug)
        if ordered(old.version) < ordered(version) < ordered(new.version)
    ]


def _stored(path: str, given: dict[str, Questionnaire]) -> Stored:
    """An answers file with the definition that it names: given on the command line, or shipped."""
    from questionnaires.catalog import get, shipped
    from questionnaires.what_if import Stored

    named = answers_table(path).get("questionnaire")
    label = f"{named.get('slug')}@{named.get('version')}" if isinstance(named, dict) else ""
    definition = given.get(label)
    if definition is None:
        if label not in shipped():
            known = "no shipped questionnaire is called that; give its PATH by --with"
            raise InputError([f"{path}: questionnaire: {label or 'is missing'}: {known}"])
        definition = get(label)
    file = answers_of(definition, path)
    return Stored(path, definition, file.answers, file.facts, file.as_of, file.shown)


def _diff_lines(found: Diff) -> Iterator[str]:
    from questionnaires.version_numbers import suggest_version

    yield f"{found.old.label} to {found.new.label}"
    yield ", ".join(f"{count} {fate}" for fate, count in found.counts.items())
    for change in found.header:
        yield f"header {change.field} differs"
    for section in found.sections:
        names = ", ".join(change.field for change in section.fields)
        yield f"section {section.key} {section.fate}{': ' if names else ''}{names}"
    for one in found.questions:
        if one.was or not one.is_same or one.share_before != one.share_after:
            yield _question_line(one)
            yield from _wording_lines(one)
    suggestion = suggest_version(found)
    yield f"A next version would be {suggestion.version}. {' '.join(suggestion.reasons)}"


def _question_line(one: QuestionChange) -> str:
    was = f" (was {one.was})" if one.was else ""
    edits = f": {', '.join(one.edits)}" if one.edits else ""
    return (
        f"{one.key} {one.fate}{was}{edits}; share {_percent(one.share_before)} to {_percent(one.share_after)}"
    )


def _wording_lines(one: QuestionChange) -> Iterator[str]:
    """Texts word by word, what went in ``[-...-]`` and what came in ``{+...+}``; options whose words differ."""
    from questionnaires.changes import words

    for name, found in (("text", one.text_words), ("help", one.help_words)):
        if any(word.op != "same" for word in found):
            yield f"  {name}: {' '.join(_marked(word) for word in found)}"
    for option in one.options:
        if option.old is None or option.new is None:
            there = option.new or option.old
            yield f"  option {option.value} {option.fate}: {there.label if there else ''}"
        elif option.old.label != option.new.label:
            words_of = words(option.old.label, option.new.label)
            yield f"  option {option.value}: {' '.join(map(_marked, words_of))}"


def _marked(word: Word) -> str:
    left, right = {"same": ("", ""), "gone": ("[-", "-]"), "new": ("{+", "+}")}[word.op]
    return f"{left}{' '.join(word.text.split())}{right}"


def _percent(share: Fraction | None) -> str:
    from questionnaires.scoring import display

    return "none" if share is None else f"{display(share * 100, 2)} %"


def _foreseen_lines(one: Foreseen) -> Iterator[str]:
    yield f"{one.label}: {_VERDICTS[one.verdict]}: {_standing(one.before)} before, {_standing(one.after)} after"
    yield from _shifts("knock-out", ((found.key, found.before, found.after) for found in one.knockouts))
    yield from _shifts("requirement", ((found.key, found.before, found.after) for found in one.requirements))
    if one.unanswered or one.unreviewed:
        yield f"  {one.unanswered} to answer, {one.unreviewed} to review anew"


def _shifts(what: str, found: Iterable[tuple[str, str | None, str | None]]) -> Iterator[str]:
    for key, before, after in found:
        yield f"  {what} {key}: {before or 'none'} before, {after or 'none'} after"


def _standing(standing: Standing) -> str:
    from questionnaires.scoring import display

    if standing.score is None or standing.high is None:
        return "not assessed"
    same = standing.score == standing.high
    numbers = display(standing.score) + ("" if same else f" to {display(standing.high)}")
    bands = " to ".join(dict.fromkeys(filter(None, (standing.band, standing.best_band))))
    return f"{numbers} ({bands})" if bands else numbers
