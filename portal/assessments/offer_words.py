"""An offer in words: where it comes from, when, by whom, what changed since, and what would come along."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from flask_babel import ngettext

from portal import clock
from portal.access import Identity
from portal.assessments import answering_words as words
from portal.assessments.answering_words import _
from portal.assessments.doubts import Doubt
from portal.assessments.offers import MOVE, Offered, Past
from portal.evidence.kinds import evidence_name
from portal.formats import full_date
from questionnaires.changes import OptionChange, QuestionChange, Word
from questionnaires.definition import Question

SHORT = 120


@dataclass(frozen=True, slots=True)
class PastView:
    """One earlier answer. ``lines``: what it said, () where ``title`` does. ``source``: "" where it cannot stand."""

    source: str
    title: str
    origin: str
    lines: tuple[str, ...]
    note: str
    reason: str
    text_words: tuple[Word, ...]
    help_words: tuple[Word, ...]
    options: tuple[str, ...]
    was: str
    papers: tuple[str, ...]
    lapsed: str
    mark: str


@dataclass(frozen=True, slots=True)
class OfferView:
    """What stands above the fields of a question that is not answered. ``section``: the section's button takes it."""

    pasts: tuple[PastView, ...]
    section: bool
    differ: bool
    is_offered: bool
    doubt: str
    why: str


def offer_view(
    found: Offered | None, question: Question, name: Callable[[uuid.UUID], str], zone: str, viewer: Identity
) -> OfferView | None:
    """``name``: of a person. Somebody behind a link is told no document of the library and no reviewer's reason."""
    if found is None:
        return None
    helping = viewer.delegated is not None
    return OfferView(
        tuple(_past(one, question, name, zone, helping) for one in found.pasts),
        found.how == "section",
        found.differ,
        found.is_offered,
        _doubt(found.doubt, zone) if found.doubt is not None else "",
        found.doubt.reason if found.doubt is not None and not helping else "",
    )


def _doubt(one: Doubt, zone: str) -> str:
    """What the client's reviewer said of it last, in a sentence."""
    day = full_date(clock.local_date(one.at, zone))
    said: dict[str, str] = {
        "challenged": _("Your client’s reviewer challenged your answer to this on %(day)s.", day=day),
        "disproved": _("Your client’s reviewer found your answer to this disproved on %(day)s.", day=day),
        "graded": _(
            "Your client’s reviewer gave your answer to this %(points)s of 100 points on %(day)s.",
            points=one.points,
            day=day,
        ),
        "refused": _("Your client’s reviewer refused a document beside your answer on %(day)s.", day=day),
    }
    if one.stands:
        return said[one.mark]
    return " ".join((said[one.mark], _("You have changed it since, and it has not been judged again.")))


def _past(
    one: Past, question: Question, name: Callable[[uuid.UUID], str], zone: str, helping: bool
) -> PastView:
    day = full_date(clock.local_date(one.at, zone))
    said = words.lines(one.old, one.content)
    quoted = _quoted(one, said)
    return PastView(
        source=one.source if one.offered is not None else "",
        title=_title(one, day, quoted),
        origin=_origin(one, day, name),
        lines=() if quoted else said,
        note=one.content.note,
        reason=one.reason,
        text_words=one.change.text_words if _differs(one.change, "text") else (),
        help_words=one.change.help_words if _differs(one.change, "help") else (),
        options=tuple(filter(None, map(_option, one.change.options))) if one.change.fate != "changed" else (),
        was=one.old.text if one.change.fate == "changed" else "",
        papers=() if helping else tuple(_paper(each.title, each.kind, each.expires) for each in one.papers),
        lapsed=_lapsed(one.lapsed),
        mark=one.mark,
    )


def _quoted(one: Past, said: tuple[str, ...]) -> str:
    if one.content.state == "not_applicable":
        return _("Not applicable")
    return said[0] if len(said) == 1 and len(said[0]) <= SHORT and one.old.type != "table" else ""


def _title(one: Past, day: str, quoted: str) -> str:
    if one.source == MOVE:
        return (
            _("Before the questionnaire changed your answer was “%(answer)s”.", answer=quoted)
            if quoted
            else _("Before the questionnaire changed you had answered:")
        )
    if one.foreign:
        return (
            _("On %(day)s you answered “%(answer)s” to another customer.", day=day, answer=quoted)
            if quoted
            else _("On %(day)s you answered another customer:", day=day)
        )
    return (
        _("On %(day)s you answered “%(answer)s”.", day=day, answer=quoted)
        if quoted
        else _("On %(day)s you answered:", day=day)
    )


def _origin(one: Past, day: str, name: Callable[[uuid.UUID], str]) -> str:
    who = name(one.who)
    if one.source == MOVE:
        return _("%(who)s, %(day)s, to %(label)s.", who=who, day=day, label=one.label)
    return _("In %(label)s, signed by %(who)s.", label=one.label, who=who)


def _differs(change: QuestionChange, name: str) -> bool:
    return change.fate != "changed" and any(one.field == name for one in change.fields)


def _option(one: OptionChange) -> str:
    """One option that came, went or reads differently; points are not a vendor's business."""
    if one.fate == "added" and one.new is not None:
        return _("New: “%(label)s”", label=one.new.label)
    if one.fate == "retired" and one.old is not None:
        return _("No longer offered: “%(label)s”", label=one.old.label)
    if one.old is not None and one.new is not None and "label" in one.differences:
        return _("“%(old)s” is now “%(new)s”", old=one.old.label, new=one.new.label)
    return ""


def _paper(title: str, kind: str, expires: date | None) -> str:
    text = f"{title} ({evidence_name(kind)})"
    return (
        text if expires is None else _("%(paper)s, valid until %(day)s", paper=text, day=full_date(expires))
    )


def _lapsed(count: int) -> str:
    if not count:
        return ""
    return str(
        ngettext(
            "One document of then does not come along: it no longer holds, or is no longer in your library.",
            "%(num)s documents of then do not come along: they no longer hold, or are no longer in your library.",
            count,
        )
    )
