"""Answers and hints in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext, ngettext

from portal.assessments.drafts import Content
from portal.evidence.kinds import evidence_name
from portal.formats import clock_time, full_date, moment
from questionnaires.dates import parse_date
from questionnaires.definition import Column, Option, Question

__all__ = ["evidence_name"]


def _(text: str, **values: object) -> str:
    """gettext with a type."""
    return str(gettext(text, **values))


def lines(question: Question, content: Content) -> tuple[str, ...]:
    """An answer's value in words, a line for each part; () for none. Tables keep their rows, see ``table_rows``."""
    value = content.value
    if content.state != "answered" or value is None:
        return ()
    match question.type:
        case "choice":
            return (label_of(question.options, str(value)),)
        case "choices":
            return tuple(label_of(question.options, one) for one in value)
        case "number":
            return (f"{value} {question.unit}".strip(),)
        case "date":
            return (day(str(value)),)
        case "table":
            return tuple(", ".join(row.values()) for row in table_rows(question, content))
        case _:
            return (str(value),)


def table_rows(question: Question, content: Content) -> list[dict[str, str]]:
    """The rows of a table answer with its cells in words, by column key."""
    return [
        {one.key: _cell(one, row[one.key]) for one in question.columns if one.key in row}
        for row in content.value or ()
    ]


def short(question: Question, content: Content) -> str:
    """An answer in one line, for choosing between two."""
    if content.state == "not_applicable":
        words = _("Not applicable")
    else:
        words = "; ".join(lines(question, content)) or _("No answer")
    rest = [content.note, content.promise_reason, day(content.promise_date) if content.promise_date else ""]
    said = " · ".join([words, *(one for one in rest if one)])
    return said if len(said) <= 300 else said[:297] + "..."


def label_of(options: tuple[Option, ...], value: str) -> str:
    """The label of an option; a value that is not offered reads as it was sent."""
    return next((one.label for one in options if one.value == value), value)


def _cell(column: Column, text: str) -> str:
    if column.type == "choice":
        return label_of(column.options, text)
    return day(text) if column.type == "date" else text


def day(text: str) -> str:
    """``Fri 20 November 2026`` for an ISO date; anything else as it was typed."""
    found = parse_date(text)
    return full_date(found) if found else text


def hint(question: Question) -> str:
    """The right form of an answer, before anything is typed; "" where the controls say it."""
    match question.type:
        case "choices":
            return _("Choose all that apply.")
        case "text":
            return _("At most %(count)s characters.", count=f"{question.max_length:,}")
        case "number":
            return _number_hint(question)
        case "date":
            return _date_hint(question)
        case "table":
            return _("One row for each, at most %(count)s.", count=question.max_rows)
        case _:
            return ""


def _number_hint(question: Question) -> str:
    what = (
        _("A whole number")
        if question.decimals == 0
        else str(
            ngettext("A number, at most one decimal", "A number, at most %(num)s decimals", question.decimals)
        )
    )
    least, most = question.at_least, question.at_most
    if least is not None and most is not None:
        return _("%(what)s from %(least)s to %(most)s.", what=what, least=least, most=most)
    if least is not None:
        return _("%(what)s, %(least)s or more.", what=what, least=least)
    if most is not None:
        return _("%(what)s, %(most)s or less.", what=what, most=most)
    return f"{what}."


def _date_hint(question: Question) -> str:
    first, last = _limit(question.not_before), _limit(question.not_after)
    if first and last:
        return _("A day from %(first)s to %(last)s.", first=first, last=last)
    if first:
        return _("A day not before %(first)s.", first=first)
    if last:
        return _("A day not after %(last)s.", last=last)
    return ""


def _limit(text: str | None) -> str:
    return "" if text is None else _("today") if text == "today" else day(text)


def saved_label(who: str, mine: bool, at: datetime, now: datetime, zone: str) -> str:
    """``Saved 14:32`` for one's own of today; else who answered, and when."""
    tz = ZoneInfo(zone)
    today = at.astimezone(tz).date() == now.astimezone(tz).date()
    if today and mine:
        return _("Saved %(time)s", time=clock_time(at, zone))
    if today:
        return _("%(who)s answered today at %(time)s", who=who, time=clock_time(at, zone))
    return _("%(who)s answered on %(at)s", who=who, at=moment(at, zone))
