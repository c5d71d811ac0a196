"""What was found about a company, in its copy: each finding with every step that both sides read, and its documents."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import queries as assessments
from portal.assessments.models import Assessment
from portal.findings import lists, queries, words
from portal.findings.models import Finding
from portal.findings.queries import REVIEWER, Step
from portal.formats import full_date, moment
from portal.organisations import queries as organisations
from portal.reports.copy import Entry, Paper, Part

NO_WORDS = "The words were removed from the record."


def papers(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[Paper]:
    """One paper with all findings that come from an assessment; none where there are none."""
    rows = lists.of_assessment(session, identity, assessment_id)
    if not rows:
        return []
    one = assessments.assessment(session, identity, assessment_id)
    asker = organisations.organisation_for_company(session, one.organisation_id).name
    said = words.described(session, identity, rows)
    steps = {each.id: queries.steps(session, identity, each.id) for each in rows}
    wanted = [words.people_in(steps[each.id], each.owner_id, each.wanted_owner_id) for each in rows]
    names = {key: who.name for key, who in organisations.people(session, set().union(*wanted)).items()}
    entries = tuple(_entry(one, each, said[each.id], steps[each.id], names) for each in rows)
    facts = (
        ("Found by", asker),
        ("About", one.subject),
        ("State", f"{len(rows)} on record, open and closed ones"),
    )
    listed = [_listed(each, said[each.id], steps[each.id], names) for each in rows]
    return [
        Paper(
            "findings",
            f"{one.title}: findings",
            facts,
            (Part(1, "Findings", entries),),
            {"findings": listed},
            {},
            "findings",
        )
    ]


def _entry(
    about: Assessment, one: Finding, said: words.Described, steps: list[Step], names: dict[uuid.UUID, str]
) -> Entry:
    """A finding in words: what was found, where it stands, what has happened."""
    lines = [said.what or NO_WORDS] if said.title != said.what else []
    lines.append(f"{words.SEVERITY_WORDS[one.severity]}; found on {full_date(one.opened)}; {_state(one)}.")
    for each in steps:
        who = names.get(each.row.by, "") if each.row.by else ""
        head = f"{words.step_words(each.row.kind, one.closed_how)}, {moment(each.row.at, about.zone)}"
        plan = ""
        if each.row.kind in ("plan", "agreed", "refused") and each.row.due is not None:
            plan = f" ({names.get(each.row.owner_id, '') if each.row.owner_id else ''}, by {full_date(each.row.due)})"
        lines.append(f"{head}{f', {who}' if who else ''}{plan}{f': {each.text}' if each.text else ''}")
    documents = tuple(f"{paper.title} ({paper.filename})" for each in steps for paper in each.papers)
    return Entry(said.number, said.title or NO_WORDS, tuple(lines), "", "", documents)


def _state(one: Finding) -> str:
    """Where it stands, in a few words; what waits for the organisation is said by the steps."""
    if one.state == queries.CLOSED:
        return f"closed: {words.HOW_WORDS[one.closed_how]}"
    if one.state == queries.MERGED:
        return "part of another finding"
    if one.state == queries.PLANNED and one.due is not None:
        return f"to be settled by {full_date(one.due)}"
    return "without an agreed plan"


def _listed(
    one: Finding, said: words.Described, steps: list[Step], names: dict[uuid.UUID, str]
) -> dict[str, Any]:
    """The same for programs. ``earned`` says what put it on record: knockout, finding or reviewer."""
    return {
        "id": str(one.id),
        "question": one.key,
        "earned": REVIEWER if one.code == REVIEWER else one.code.partition(":")[0],
        "text": said.what,
        "severity": one.severity,
        "state": one.state,
        "merged_into": str(one.merged_into) if one.merged_into else None,
        "opened": one.opened.isoformat(),
        "due": one.due.isoformat() if one.due else None,
        "first_due": one.first_due.isoformat() if one.first_due else None,
        "closed_how": one.closed_how,
        "steps": [
            {
                "kind": each.row.kind,
                "at": each.row.at.isoformat(),
                "side": each.row.side,
                "by": names.get(each.row.by) if each.row.by else None,
                "severity": each.row.severity,
                "owner": names.get(each.row.owner_id) if each.row.owner_id else None,
                "due": each.row.due.isoformat() if each.row.due else None,
                "text": each.text,
                "documents": sorted(str(document) for document in each.documents),
            }
            for each in steps
        ],
    }
