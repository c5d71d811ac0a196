"""The JSON export of a submission: an answers file that the command line takes, the trace, and the receipt."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from portal.assessments.models import Submission
from portal.assessments.rating import NO_JUDGEMENT, judged_file, judgement_of
from portal.reports.queries import Report
from portal.reports.sight import Sight
from questionnaires.canonical import canonical_json, definition_json
from questionnaires.conditions import INTERNAL_FACTS


def document(report: Report) -> bytes:
    """UTF-8 JSON with ``answers_file`` (section 6 of the format), ``result``, ``promises``, ``documents``, ``receipt``.

    Where the reader sees all, scoring ``answers_file`` with ``questionnaire`` gives ``result`` byte for byte;
    a company's copy lacks the facts that its client keeps to itself, and says so.
    """
    submission, rating = report.rated.submission, report.rated.rating
    found: dict[str, Any] = {
        "about": _about(report),
        "answers_file": answers_file(report),
        "promises": _promises(report),
        "documents": _documents(report),
        "receipt": receipt(submission, report.rated.attestation),
    }
    if report.sight is Sight.ALL:
        found["result"] = json.loads(rating.result)
        found["questionnaire"] = definition_json(report.definition)
    elif report.sight is Sight.BAND:
        found["band"] = rating.band
    # Indented for people; canonical first, so that nothing but plain JSON can be in it.
    return json.dumps(json.loads(canonical_json(found)), ensure_ascii=False, indent=1).encode()


def answers_file(report: Report) -> dict[str, Any]:
    """The answers file that this rating was made from, as far as its reader may have it."""
    rating = report.rated.rating
    answers: dict[str, Any] = {}
    for key, data in report.rated.sealed.items():
        answers[key] = {name: value for name, value in json.loads(data).items() if name != "promise"}
    for key, some in report.rated.documents.items():
        if key in answers:
            answers[key]["evidence"] = [
                {
                    "id": str(one.evidence),
                    "kind": one.kind,
                    "issued": _day(one.issued),
                    "expires": _day(one.expires),
                }
                for one in some
            ]
    judgement = judgement_of(rating) if report.sight is Sight.ALL else NO_JUDGEMENT
    return {
        "questionnaire": {"slug": report.definition.slug, "version": report.definition.version},
        "as_of": rating.as_of.isoformat(),
        "facts": {
            name: value for name, value in rating.facts.items() if report.inside or name not in INTERNAL_FACTS
        },
        "shown": list(judgement.shown),
        "answers": judged_file(answers, judgement),
    }


def receipt(submission: Submission, attestation: Any) -> dict[str, Any]:
    """What proves the submission: its hash, what it covers, and who signed."""
    return {
        "submission": str(submission.id),
        "round": submission.round,
        "sealed_at": submission.sealed_at.isoformat(),
        "submission_hash": submission.submission_hash,
        "commitments": json.loads(submission.commitments),
        "evidence_commitments": json.loads(submission.evidence),
        "attestation_commitment": submission.attestation_commitment,
        "questionnaire_hash": submission.content_hash,
        "signed_by": {
            name: attestation[name] for name in ("name", "role", "statement") if name in attestation
        },
    }


def _documents(report: Report) -> dict[str, Any]:
    """What was sealed beside the answers, by question; the files themselves are opened one by one."""
    return {
        key: [
            {
                **asdict(one),
                "evidence": str(one.evidence),
                "issued": _day(one.issued),
                "expires": _day(one.expires),
            }
            for one in some
        ]
        for key, some in report.rated.documents.items()
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _promises(report: Report) -> dict[str, Any]:
    found = {key: json.loads(data).get("promise") for key, data in report.rated.sealed.items()}
    return {key: promise for key, promise in found.items() if promise}


def _about(report: Report) -> str:
    if report.sight is not Sight.ALL:
        return f"What {report.vendor} sealed. {report.organisation.name} decides what is shown of the rating."
    check = (
        "Save questionnaire and answers_file as files of their own; "
        "`python -m questionnaires score questionnaire.json answers.json --json` gives result."
    )
    if report.inside:
        return check
    return (
        f"{check} Facts that {report.organisation.name} keeps to itself are left out, so a limit of the band "
        "that rests on one of them may read as not certain there."
    )
