"""What makes a definition wrong or suspicious: the rules of ``check``, all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from questionnaires.checking_conditions import check_conditions
from questionnaires.checking_history import check_history, check_own_history
from questionnaires.checking_report import Report
from questionnaires.checking_warnings import warn
from questionnaires.definition import CHOICE_TYPES, Option, Question, Questionnaire
from questionnaires.faults import Fault

Spoilt = frozenset[tuple[str, str]]

# Fields that only some types have; the values are those types.
BELONGS: dict[str, tuple[str, ...]] = {
    "options": CHOICE_TYPES,
    "combine": ("choices",),
    "unit": ("number",),
    "decimals": ("number",),
    "at_least": ("number",),
    "at_most": ("number",),
    "not_before": ("date",),
    "not_after": ("date",),
    "max_length": ("text",),
    "columns": ("table",),
    "max_rows": ("table",),
    "points_when": ("number", "date"),
}


def check(
    definition: Questionnaire,
    *,
    previous: Questionnaire | None = None,
    shipped: Iterable[Questionnaire] = (),
    spoilt: Spoilt = frozenset(),
) -> list[Fault]:
    """Every fault and warning of a definition, in definition order; an empty list means that it is sound.

    ``previous`` is the newest released version of the slug before this one, ``shipped`` whatever else must
    agree on keys. ``spoilt`` are the (owner, field) pairs that parsing replaced: nothing is said about those.
    """
    report = Report(definition, spoilt)
    readable = _errors(report)
    check_history(report, previous, tuple(shipped))
    warn(report, readable=readable and not spoilt)
    return report.faults


def check_own(
    definition: Questionnaire,
    *,
    line: Sequence[Questionnaire] = (),
    others: Sequence[Questionnaire] = (),
    shipped: Sequence[Questionnaire] = (),
    spoilt: Spoilt = frozenset(),
) -> list[Fault]:
    """As ``check`` for a version of an organisation's own; see ``check_own_history`` for what it is held against."""
    report = Report(definition, spoilt)
    readable = _errors(report)
    check_own_history(report, line, others, shipped)
    warn(report, readable=readable and not spoilt)
    return report.faults


def errors(definition: Questionnaire) -> list[Fault]:
    """The faults that make a definition unusable whatever came before it; no warnings."""
    report = Report(definition, frozenset())
    _errors(report)
    return report.faults


def _errors(report: Report) -> bool:
    """Whether the conditions can be evaluated, all faults being in the report."""
    _check_bands(report)
    _check_claims(report)
    for question in report.questions():
        _check_fields(report, question)
        _check_earning(report, question)
        _check_ranges(report, question)
        _check_findings(report, question)
    return check_conditions(report)


def _check_bands(report: Report) -> None:
    definition = report.definition
    if report.spoils("", "band", "bands"):
        return
    names = [band.name for band in definition.bands]
    for above, below in zip(definition.bands, definition.bands[1:], strict=False):
        if below.minimum >= above.minimum:
            report.error("", "bands", f"{below.name} begins at {below.minimum}, not below {above.name}")
        if below.level > above.level:
            report.error("", "bands", f"{below.name} has level {below.level}, better than {above.name}")
    if definition.bands and definition.bands[-1].minimum != 0:
        report.error("", "bands", f"the last band, {names[-1]}, must begin at 0")
    questions = list(report.questions())
    if not names and any(question.weight for question in questions):
        report.error("", "bands", "there are none; only a questionnaire without scored questions has none")
    for index, cap in enumerate(definition.caps, start=1):
        if cap.band not in names:
            report.error("", "caps", f"cap {index} names the band {cap.band}, which does not exist")
    if definition.knockout_band is not None and definition.knockout_band not in names:
        report.error("", "knockout_band", f"there is no band {definition.knockout_band}")
    critical = next((question.key for question in questions if question.critical), None)
    if critical and definition.knockout_band is None and not report.spoils("", "knockout_band"):
        report.error("", "knockout_band", f"is missing; {critical} is critical")


def _check_claims(report: Report) -> None:
    claimed: dict[str, str] = {}
    asked = {f"{question.key}@{question.revision}" for question in report.questions()}
    for question in report.questions():
        for claim in question.formerly:
            if claim in claimed:
                report.error(question.key, "formerly", f"{claim} is claimed by {claimed[claim]} too")
            elif claim in asked:
                report.error(question.key, "formerly", f"{claim} is still asked here")
            claimed.setdefault(claim, question.key)


def _check_fields(report: Report, question: Question) -> None:
    key = question.key
    if report.spoils(key, "type"):
        return
    plain = Question(key="", text="", type=question.type)
    for field, types in BELONGS.items():
        if question.type not in types and getattr(question, field) != getattr(plain, field):
            report.error(
                key, field, f"a {question.type} question has none; it belongs to {' and '.join(types)}"
            )
    for field in ("options", "columns"):
        if question.type in BELONGS[field] and not getattr(question, field):
            report.error(key, field, f"are missing; a {question.type} question has {field}")
    if question.minimum != 50 and not question.critical and not report.spoils(key, "critical"):
        report.error(key, "minimum", "stands without critical = true")
    if question.required_when is not None and not question.required:
        report.error(key, "required_when", "stands beside required = false; write one or the other")


def _check_earning(report: Report, question: Question) -> None:
    """Points fit the type, and what counts can earn."""
    key = question.key
    if report.spoils(key, "type", "options", "combine", "points_when", "weight", "critical"):
        return
    counts = question.weight > 0 or question.critical
    what = "is critical" if question.critical else f"weighs {question.weight}"
    hint = "" if question.critical else "; give points, or write weight = 0"
    match question.type:
        case "table":
            if counts:
                report.error(key, "weight", f"{what}, but a table is never scored")
        case "number" | "date":
            if counts and not question.points_when:
                report.error(key, "points_when", f"is missing: the question {what}")
        case "choice" | "choices" if question.options:
            _check_points(report, question)
            if counts and not question.can_earn:
                report.error(key, "options", f"have no points, but the question {what}{hint}")
            if question.type == "choices" and question.can_earn and question.combine is None:
                report.error(key, "combine", "is missing: say whether points are sum, worst or all")


def _check_points(report: Report, question: Question) -> None:
    plain = [option for option in question.options if not option.exclusive]
    if question.combine == "all":
        if not plain:
            report.error(question.key, "options", "are all exclusive; combine = all counts the plain ones")
        for option in question.options:
            if option.exclusive and option.points is None:
                report.error(question.key, "options", f"{option.value} is exclusive and has no points")
            if not option.exclusive and option.points is not None:
                message = f"{option.value} has points; with combine = all only exclusive options have them"
                report.error(question.key, "options", message)
        return
    without = [option.value for option in question.options if option.points is None]
    if without and len(without) < len(question.options):
        report.error(question.key, "options", f"some have points, but not {', '.join(without[:10])}")


def _check_ranges(report: Report, question: Question) -> None:
    key, low, high = question.key, question.at_least, question.at_most
    if low is not None and high is not None and Decimal(low) > Decimal(high):
        report.error(key, "at_least", f"{low} is more than at_most, {high}")
    for field, bound in (("at_least", low), ("at_most", high)):
        fine = bound is None or len(bound.partition(".")[2]) <= question.decimals
        if not fine and not report.spoils(key, "decimals"):
            report.error(key, field, f"{bound} has more decimals than an answer, {question.decimals}")
    first, last = question.not_before, question.not_after
    # ISO dates compare as text; "today" is not fixed.
    if first is not None and last is not None and "today" not in (first, last) and first > last:
        report.error(key, "not_before", f"{first} is after not_after, {last}")


def _check_findings(report: Report, question: Question) -> None:
    if report.spoils(question.key, "type", "options", "finding"):
        return
    for index, rule in enumerate(question.findings, start=1):
        if rule.option is not None and not _has(question.options, rule.option):
            message = f"finding {index} is for the option {rule.option}, which the question has not"
            report.error(question.key, "finding", message)
        if (rule.option is None) == (rule.when is None):
            report.error(question.key, "finding", f"finding {index} has either option or when")


def _has(options: Iterable[Option], value: str) -> bool:
    return any(option.value == value for option in options)
