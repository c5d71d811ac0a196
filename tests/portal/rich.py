"""A definition in which everything that a result can say happens at once, and answers that make it happen."""

from __future__ import annotations

import json
from typing import Any

from portal.assessments.drafts import Content
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json

_SCALE = [
    {"value": "yes", "label": "Yes, everywhere", "points": 100},
    {"value": "some", "label": "In some places", "points": 35},
    {"value": "no", "label": "No", "points": 0},
]


def _choice(key: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"key": f"own.rich.{key}", "text": text, "type": "choice", "options": _SCALE, **fields}


_SECTIONS: list[dict[str, Any]] = [
    {
        "key": "gates",
        "title": "What you do",
        "questions": [
            {
                "key": "own.rich.cloud",
                "text": "Do you run it in a public cloud?",
                "type": "choice",
                "weight": 0,
                "options": [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}],
            }
        ],
    },
    {
        "key": "access",
        "title": "Getting in",
        "weight": 30,
        "questions": [
            _choice("mfa", "Does everyone need a second step to sign in?", weight=7, critical=True),
            _choice(
                "admin",
                "Do administrators use keys of their own?",
                weight=3,
                critical=True,
                evidence={"kind": "policy", "required": True},
            ),
            _choice(
                "cloud_keys",
                "Are cloud keys changed every year?",
                weight=5,
                visible_when='own.rich.cloud == "yes"',
            ),
        ],
    },
    {
        "key": "care",
        "title": "Care",
        "weight": 11,
        "questions": [
            _choice("patch", "Are patches applied within a week?", weight=13, allow_na=True),
            {
                "key": "own.rich.steps",
                "text": "Which of these do you do?",
                "type": "choices",
                "combine": "all",
                "weight": 6,
                "options": [
                    {"value": "scan", "label": "Scan"},
                    {"value": "test", "label": "Test"},
                    {"value": "train", "label": "Train"},
                    {"value": "none", "label": "None of these", "points": 0, "exclusive": True},
                ],
                "finding": [
                    {
                        "when": '"train" not in own.rich.steps',
                        "severity": "high",
                        "text": "People who were never trained click.",
                    }
                ],
            },
            {
                "key": "own.rich.plan",
                "text": "How do you recover from a disaster?",
                "type": "text",
                "weight": 4,
            },
            _choice("logs", "Are logs kept for a year?", weight=3),
        ],
    },
    {
        "key": "rows",
        "title": "Who else",
        "questions": [
            {
                "key": "own.rich.others",
                "text": "Which firms help you?",
                "type": "table",
                "required": False,
                "columns": [
                    {"key": "name", "label": "Name", "type": "text"},
                    {"key": "since", "label": "Since", "type": "date"},
                ],
            }
        ],
    },
]

SOURCE: str = json.dumps(
    {
        "format": 1,
        "slug": "rich",
        "version": "1.0.0",
        "title": "A little of everything",
        "purpose": "assessment",
        "language": "en",
        "licence": "CC0-1.0",
        "summary": "For tests.",
        "knockout_band": "partial",
        "bands": [
            {"name": "strong", "label": "Strong", "minimum": 80},
            {"name": "sound", "label": "Sound", "minimum": 60},
            {"name": "partial", "label": "Partial", "minimum": 30},
            {"name": "weak", "label": "Weak", "minimum": 0},
        ],
        "caps": [
            {
                "when": 'engagement.harm == "direct" and own.rich.logs != "yes"',
                "band": "sound",
                "text": "Where people can be harmed, logs have to be kept.",
            }
        ],
        "sections": _SECTIONS,
    }
)
DEFINITION: Questionnaire = parse_json(SOURCE.encode())

ANSWERS: dict[str, Content] = {
    "own.rich.cloud": Content("answered", "no"),
    "own.rich.mfa": Content("answered", "some", "Contractors come next year."),
    "own.rich.admin": Content("answered", "yes", "", "The new policy is with the board.", "2026-12-20"),
    "own.rich.patch": Content("not_applicable", None, "We run nothing of our own."),
    "own.rich.steps": Content("answered", ["scan", "test"]),
    "own.rich.plan": Content("answered", "We restore from tape & <b>pray</b>."),
    "own.rich.logs": Content("answered", "yes"),
    "own.rich.others": Content("answered", [{"name": "Tape & Sons", "since": "2024-02-29"}]),
}
