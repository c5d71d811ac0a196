"""Pages for people who do not read TOML: a definition, a result, contract requirements, as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from questionnaires.conditions import Condition, describe
from questionnaires.definition import Question, Questionnaire, Section

if TYPE_CHECKING:
    from fractions import Fraction

    from questionnaires.requirements import Outcome
    from questionnaires.scoring import Result

WIDTH = 100

_KINDS = {
    "choice": "Choose one",
    "choices": "Choose all that apply",
    "text": "A text",
    "number": "A number",
    "date": "A date",
    "table": "A table",
}
_COMBINE = {
    "sum": "the points of what is chosen are added up, to 100 at most",
    "worst": "the worst of what is chosen counts",
    "all": "points are the share of the options chosen",
}


def page(definition: Questionnaire) -> str:
    """The definition as a page: purpose, rules of scoring, then every question with what hangs on it."""
    lines = [
        f"{definition.title} ({definition.label})",
        f"{definition.purpose}, language {definition.language}, licence {definition.licence}",
        "",
        *_wrapped(definition.summary),
        "",
        *_scoring(definition),
    ]
    total = sum(section.weight for section in definition.sections if any(q.weight for q in section.questions))
    for number, section in enumerate(definition.sections, start=1):
        lines += ["", *_section(definition, section, number, total)]
    lines += ["", f"Content hash {definition.content_hash}"]
    return "\n".join(lines)


def _scoring(definition: Questionnaire) -> Iterator[str]:
    if not definition.bands:
        yield "Not scored."
        return
    bands = ", ".join(f"{band.label} from {band.minimum}" for band in definition.bands)
    yield from _wrapped(f"Bands, out of 100 points: {bands}.")
    if definition.knockout_band is not None:
        yield from _wrapped(
            f"A failed knock-out question: {_band(definition, definition.knockout_band)} at best."
        )
    for cap in definition.caps:
        reason = describe(cap.when, definition, "organisation")
        yield from _wrapped(f"{_band(definition, cap.band)} at best if {reason}: {cap.text}")


def _band(definition: Questionnaire, name: str | None) -> str:
    band = None if name is None else definition.band(name)
    return band.label if band is not None else "no band"


def _section(definition: Questionnaire, section: Section, number: int, total: int) -> Iterator[str]:
    share = ""
    if definition.weighting == "sections" and any(question.weight for question in section.questions):
        share = f" (weight {section.weight} of {total})"
    title = f"{number}. {section.title}{share}"
    yield title
    yield "=" * len(title)
    yield from _wrapped(section.intro)
    yield from _when("Asked only if", section.visible_when, definition, "")
    for index, question in enumerate(section.questions, start=1):
        yield ""
        yield from _question(definition, question, f"{number}.{index}")


def _question(definition: Questionnaire, question: Question, number: str) -> Iterator[str]:
    yield from _wrapped(f"{number} {question.text}  [{question.key}]")
    inside = "    "
    yield from _when("Asked only if", question.visible_when, definition, inside)
    yield from _wrapped(question.help, inside)
    yield from _wrapped(_answer_form(question), inside)
    for option in question.options:
        points = "" if option.points is None else f" - {option.points} points"
        alone = " (stands alone)" if option.exclusive else ""
        yield from _wrapped(f"- {option.label}{alone}{points}", inside)
    for column in question.columns:
        labels = "".join(f", {option.label}" for option in column.options)
        yield from _wrapped(f"- {column.label} ({column.type}{labels})", inside)
    for rule in question.points_when:
        # Said as written: the answer has no words of its own there.
        yield from _wrapped(f"- {rule.points} points if {rule.when.source}", inside)
    yield from _wrapped(_rules(question), inside)
    yield from _when("Required if", question.required_when, definition, inside)
    yield from _documents(definition, question, inside)
    for finding in question.findings:
        chosen = question.option(finding.option) if finding.option is not None else None
        cause = f'"{chosen.label}"' if chosen is not None else "the answer"
        if finding.when is not None:
            cause = f"if {describe(finding.when, definition, 'organisation')}"
        yield from _wrapped(f"Finding, {finding.severity}, {cause}: {finding.text}", inside)
    if question.refs:
        yield from _wrapped(f"See {', '.join(question.refs)}", inside)


def _answer_form(question: Question) -> str:
    parts = [_KINDS[question.type]]
    if question.unit:
        parts.append(f"in {question.unit}")
    low = question.at_least or question.not_before
    high = question.at_most or question.not_after
    if low is not None:
        parts.append(f"from {low}")
    if high is not None:
        parts.append(f"to {high}")
    if question.decimals:
        parts.append(f"with up to {question.decimals} decimals")
    return " ".join(parts) + "."


def _rules(question: Question) -> str:
    parts = []
    if question.weight:
        parts.append(f"Weight {question.weight}.")
    if question.combine is not None:
        parts.append(f"Of several, {_COMBINE[question.combine]}.")
    if question.critical:
        parts.append(f"Knock-out below {question.minimum} points.")
    if not question.required:
        parts.append("May be left open.")
    if question.allow_na:
        parts.append('"Not applicable" may be chosen, with a note.')
    return " ".join(parts)


def _documents(definition: Questionnaire, question: Question, inside: str) -> Iterator[str]:
    rule = question.evidence
    if rule is None:
        return
    must = "required" if rule.required else "asked for"
    if rule.required_when is not None:
        must = f"required if {describe(rule.required_when, definition, 'organisation')}"
    months = "" if rule.valid_months is None else f", valid for {rule.valid_months} months from its date"
    yield from _wrapped(f"Document: {rule.kind}, {must}{months}.", inside)


def _when(words: str, condition: Condition | None, definition: Questionnaire, indent: str) -> Iterator[str]:
    if condition is not None:
        yield from _wrapped(f"{words} {describe(condition, definition, 'organisation')}.", indent)


def _wrapped(text: str, indent: str = "") -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(
            line,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + ("  " if text.startswith("- ") else ""),
            break_long_words=False,
        )


def result_page(definition: Questionnaire, result: Result) -> str:
    """A result in words: band and range, what holds it down, and where points were lost, most first."""
    lines = [f"{definition.title} ({definition.label}) at {result.as_of.isoformat()}"]
    if result.score is None or result.high is None:
        lines.append("Not assessed: nothing in it is scored.")
    else:
        bands = f"{_band(definition, result.band)}, at best {_band(definition, result.best_band)}"
        lines.append(f"Score {_shown(result.score)} to {_shown(result.high)}: {bands}.")
        lines.append(f"Assurance {_shown(result.assurance * 100)} %.")
    for cap in result.caps:
        certain = "" if cap.certain else " (not settled yet)"
        lines += _wrapped(f"{_band(definition, cap.band)} at best{certain}: {cap.text}")
    for knockout in result.knockouts:
        points = f"{_shown(knockout.low)} to {_shown(knockout.high)} points of {knockout.minimum} needed"
        lines.append(f"Knock-out {knockout.kind}: {knockout.key}, {points}")
    for section in result.sections:
        if section.score is not None and section.high is not None:
            share = f"share {_shown(section.share * 100)} %"
            lines.append(f"Section {section.key}: {_shown(section.score)} to {_shown(section.high)}, {share}")
    costly = sorted((line for line in result.trace if line.lost or line.open), key=lambda line: -line.lost)
    for line in costly:
        lines.append(f"{line.key}: {line.state}, {_shown(line.lost)} lost, {_shown(line.open)} open")
    return "\n".join(lines)


def _shown(number: Fraction) -> str:
    from questionnaires.scoring import display

    return display(number)


def outcomes_page(outcomes: Sequence[Outcome]) -> str:
    """Contract requirements in words: what is required, what is not settled, what is not required."""
    words = {"required": "Required", "undetermined": "Not settled", "not_required": "Not required"}
    lines = []
    for kind, title in words.items():
        found = [outcome for outcome in outcomes if outcome.outcome == kind]
        lines += [f"{title}: {len(found)}"]
        for outcome in found:
            requirement = outcome.requirement
            lines += _wrapped(f"{requirement.key} ({requirement.severity}) {requirement.title}", "  ")
            lines += _wrapped(outcome.reason, "      ")
    return "\n".join(lines)
