"""What stands in the workbook of an assessment, and by which names its columns are found again.

``Asked`` is the allow-list: the writer gets nothing else of a question. Weights, points, criticality, findings and
marks have no way in (tests/portal/assessments/test_workbook_writing.py).
"""

from __future__ import annotations

import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from portal.assessments import answering_words as words
from portal.assessments.answering_cards import because, numbers
from portal.assessments.answering_words import _
from portal.assessments.drafts import Draft
from portal.assessments.reach import Reach
from questionnaires.definition import Option, Question

# The names in the grey row above the headings: columns are found by them, wherever they lie.
KEY, STATE, OPTION, ROW = "key", "state", "option", "row"
QUESTION, ANSWER, NOT_APPLICABLE, COMMENT, REASON, BY = "question", "answer", "na", "comment", "reason", "by"
COLUMN = "column."  # with the key of a table's column
LONGEST_CELL = 32_767  # of a spreadsheet, in UTF-16 units
SPARE_ROWS = 20

# What of a question, an option and a table's column may be read here. ``visible_when`` only as the words of `because`.
SHOWN = frozenset(
    (
        *("key", "text", "help", "type", "options", "unit", "decimals", "at_least", "at_most", "not_before"),
        *("not_after", "max_length", "columns", "max_rows", "visible_when", "allow_na", "evidence"),
    )
)


@dataclass(frozen=True, slots=True)
class Choice:
    """An option: its value, and the words that stand for it in a cell, which no other option of its list has."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class AskedColumn:
    """A column of a table question; ``type`` as in the definition."""

    key: str
    label: str
    type: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as its workbook shows it: what the pages show a vendor anyway."""

    key: str
    number: str
    section: str
    text: str
    help: str
    type: str
    because: str
    how: str
    unit: str
    choices: tuple[Choice, ...]
    columns: tuple[AskedColumn, ...]
    allow_na: bool
    evidence: str
    decimals: int
    at_least: str | None
    at_most: str | None
    max_length: int
    max_rows: int


def asked(draft: Draft, reach: Reach) -> list[Asked]:
    """The questions in reach, in the questionnaire's order; those with a condition too, since nobody asks again."""
    numbered = numbers(draft.definition)
    return [
        _asked(draft, question, numbered[question.key], section.title, reach)
        for section in draft.definition.sections
        for question in section.questions
        if reach.covers(question.key)
    ]


def _asked(draft: Draft, question: Question, number: str, section: str, reach: Reach) -> Asked:
    evidence = question.evidence
    return Asked(
        key=question.key,
        number=number,
        section=section,
        text=question.text,
        help=question.help,
        type=question.type,
        because=_when(draft, question, reach),
        how=_how(question),
        unit=question.unit,
        choices=choices(question.options),
        columns=tuple(
            AskedColumn(one.key, one.label, one.type, choices(one.options)) for one in question.columns
        ),
        allow_na=question.allow_na,
        evidence=words.evidence_name(evidence.kind) if evidence else "",
        decimals=question.decimals,
        at_least=question.at_least,
        at_most=question.at_most,
        max_length=question.max_length,
        max_rows=question.max_rows,
    )


def _when(draft: Draft, question: Question, reach: Reach) -> str:
    text = because(draft, question, reach)
    if text and question.key not in draft.look.visible:
        return _("Not asked with your present answers. %(when)s", when=text)
    return text


def _how(question: Question) -> str:
    """How an answer is written, in a sentence."""
    match question.type:
        case "choice":
            return _("Choose one from the list.")
        case "choices":
            return _("Write yes or no at each line below.")
        case "table":
            return _("Fill in the sheet of this question. %(limit)s", limit=words.hint(question))
        case _:
            return words.hint(question)


def choices(options: Iterable[Option]) -> tuple[Choice, ...]:
    """Options with words that tell them apart: the label, with the value after it where labels read alike."""
    listed = list(options)
    alike = Counter(folded(one.label) for one in listed)
    named = [one.label if alike[folded(one.label)] == 1 else f"{one.label} ({one.value})" for one in listed]
    if len({folded(one) for one in named}) < len(named):
        named = [one.value for one in listed]
    return tuple(Choice(one.value, text) for one, text in zip(listed, named, strict=True))


def chosen(offered: Iterable[Choice], text: str) -> str | None:
    """The value of the option that a cell names, in whatever case and spacing; None when there is none."""
    listed, wanted = list(offered), folded(text)
    for one in listed:
        if one.words == text:
            return one.value
    found = [one.value for one in listed if folded(one.words) == wanted]
    found = found or [one.value for one in listed if one.value == text.strip()]
    return found[0] if len(found) == 1 else None


def folded(text: str) -> str:
    """Words as they are compared: letters in one form, without case, spaces as one."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


YES = frozenset({"yes", "y", "true", "x", "1"})
NO = frozenset({"no", "n", "false", "0"})


def flag(text: str) -> bool | None:
    """Yes or no as people and programs write them; None for anything else."""
    wanted = folded(text)
    return True if wanted in YES else False if wanted in NO else None


@dataclass(frozen=True, slots=True)
class Origin:
    """Which workbook a row is of: the beginnings of the assessment's id and of the questionnaire's hash."""

    assessment: str
    version: str

    @classmethod
    def of(cls, assessment_id: uuid.UUID, content_hash: str) -> Origin:
        return cls(assessment_id.hex[:8], content_hash[:8])

    def state(self, revision: int) -> str:
        """What a row says of itself: where it belongs, and which revision of the answer it shows."""
        return f"{self.assessment}-{self.version}-r{revision}"


def state_of(text: str) -> tuple[Origin, int] | None:
    """What ``Origin.state`` has written; None for anything else."""
    parts = text.strip().split("-")
    if len(parts) != 3 or not all(len(one) == 8 for one in parts[:2]) or not parts[2].startswith("r"):
        return None
    number = parts[2][1:]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return Origin(parts[0], parts[1]), int(number)


def fits_cell(text: str) -> bool:
    """Whether a spreadsheet holds the whole of ``text`` in one cell; XML has no way to write two of all characters."""
    if "\ufffe" in text or "\uffff" in text:
        return False
    return len(text.encode("utf-16-le")) // 2 <= LONGEST_CELL
