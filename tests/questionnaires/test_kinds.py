"""Kinds of documents: a dot leads to a narrower one, which is the wider one, too."""

from __future__ import annotations

import pytest

from questionnaires.kinds import is_of_kind


@pytest.mark.parametrize(
    ("kind", "asked", "found"),
    [
        ("report", "report", True),
        ("report.audit", "report", True),
        ("report.audit.external", "report", True),
        ("report.audit", "report.audit", True),
        ("report", "report.audit", False),  # a wider name does not say which of them it is
        ("report.audit", "report.test", False),
        ("report.auditor", "report.audit", False),
        ("reports", "report", False),
        ("report_audit", "report", False),
        ("Report.audit", "report", False),
        ("audit.report", "report", False),
    ],
)
def test_a_dot_leads_to_a_narrower_kind_of_document(kind: str, asked: str, found: bool) -> None:
    assert is_of_kind(kind, asked) is found
