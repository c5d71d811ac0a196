"""What tests of intakes begin with: services of each tier, and the form as a browser posts it."""

from __future__ import annotations

from typing import Any

from portal.assessments.drafts import Content
from portal.intake import answering
from portal.intake.answering import Answered
from tests.questionnaires.test_intake import AS_OF, BANK, E_LEARNING, HARMLESS, PAYROLL, PRINTER

BY_TIER = {"critical": BANK, "high": PAYROLL, "medium": E_LEARNING, "low": PRINTER}
# Worse than every one of them in everything that it says.
RISEN = BANK | {
    "data": ["personal", "financial", "special", "credentials"],
    "hosting": "agreed",
    "ai": "assists",
}
__all__ = ["BANK", "BY_TIER", "E_LEARNING", "HARMLESS", "PAYROLL", "PRINTER", "RISEN", "answered", "posted"]


def answered(values: dict[str, Any], service: str = "Keeps files.") -> Answered:
    """The answers of a service, read and scored."""
    contents = {f"intake.{name}": Content("answered", value) for name, value in values.items()}
    contents["intake.service"] = Content("answered", service) if service else Content()
    return answering.read(answering.newest(), contents, AS_OF)


def posted(values: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The fields of the whole page, answered or not."""
    found: dict[str, Any] = {f"r.{key}": "0" for key in answering.newest().questions}
    return found | {f"a.intake.{name}": value for name, value in values.items()} | more
