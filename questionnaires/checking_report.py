"""The faults of one check, each put to the file that its question was read from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from questionnaires.definition import Question, Questionnaire, Section
from questionnaires.faults import Fault


class Report:
    """A definition under check and what was found. Nothing is said about fields that parsing replaced."""

    def __init__(self, definition: Questionnaire, spoilt: frozenset[tuple[str, str]]) -> None:
        self.definition = definition
        self.spoilt = spoilt
        self.faults: list[Fault] = []

    def questions(self) -> Iterator[Question]:
        """All questions in definition order."""
        return (question for section in self.definition.sections for question in section.questions)

    @cached_property
    def sections(self) -> dict[str, Section]:
        """The section that a question stands in, by question key."""
        return dict(self.definition.section_of)

    def spoils(self, owner: str, *fields: str) -> bool:
        """Whether one of these fields of a question (or the header, "") holds a stand-in."""
        return any((owner, field) in self.spoilt for field in fields)

    def error(self, key: str, field: str, message: str) -> None:
        """A fault of a question's field, or of a header's with key ""."""
        if not self.spoils(key, field):
            self._add(key, field, message, "error")

    def warning(self, key: str, field: str, message: str) -> None:
        self._add(key, field, message, "warning")

    def section_error(self, section: Section, field: str, message: str) -> None:
        self._add_to_section(section, field, message, "error")

    def section_warning(self, section: Section, field: str, message: str) -> None:
        self._add_to_section(section, field, message, "warning")

    def _add_to_section(
        self, section: Section, field: str, message: str, severity: Literal["error", "warning"]
    ) -> None:
        key = section.key
        words = f"{field}: {message}"
        self.faults.append(Fault(self._file(key), key, words, severity, section=key, field=field))

    def _add(self, key: str, field: str, message: str, severity: Literal["error", "warning"]) -> None:
        if not key:
            self.faults.append(Fault(self._file(""), field, message, severity, field=field))
            return
        section, words = self.sections[key].key, f"{field}: {message}"
        self.faults.append(
            Fault(self._file(section), key, words, severity, section=section, question=key, field=field)
        )

    def _file(self, section: str) -> str:
        files = self.definition.files
        return files.get(section) or files.get("") or self.definition.label
