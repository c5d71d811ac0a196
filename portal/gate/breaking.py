"""Which decisions that stand a version of a questionnaire would break, were its answers scored by it today."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import AssessmentEngagement, Submission
from portal.gate import lists, loading_contract, reading
from portal.gate.deciding import OUTCOMES, PASSING, Outcome
from portal.gate.facts import GateFacts, Knockout, Requirement, Submitted
from portal.gate.loading_contract import Contracts
from portal.gate.standing import effective
from portal.library import service as library
from portal.library.models import WhatIfRow
from portal.organisations.models import Organisation
from portal.vendors import policy_queries
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from questionnaires import requirements
from questionnaires.definition import Questionnaire


@dataclass(frozen=True, slots=True)
class Broken:
    """A decision that would not stand. ``before``: what counts today; ``after``: what would."""

    engagement: Engagement
    before: Outcome
    after: Outcome


def broken(
    session: Session,
    identity: Identity,
    candidate: Questionnaire,
    rows: Iterable[WhatIfRow],
    *,
    now: datetime,
) -> dict[uuid.UUID, list[Broken]]:
    """By submission, the decisions that let pass today and would count less; in a fixed number of statements.

    Of no gate is asked to which the version brings nothing: each costs some milliseconds.
    """
    assert identity.organisation is not None
    foreseen = {str(one.submission_id): one for one in _changed(session, identity, candidate, rows)}
    if not foreseen:
        return {}
    found = lists.decided_to_pass(session, identity, _covered(session, identity, foreseen.values()))
    engagements = vendors.engagements(session, identity, found)
    ours = identity.organisation.id
    policy = policy_queries.current(session, ours)
    called = _Called(session, identity, foreseen.values(), engagements.values())
    broken: dict[uuid.UUID, list[Broken]] = {}
    for key, one in reading.standing(session, ours, list(engagements), now=now).items():
        for each in one.loaded.facts.submitted:
            row = foreseen.get(each.submission)
            if row is None or one.decided is None or one.effective is None:
                continue
            facts = one.loaded.facts
            others = tuple(
                _foreseen(other, row, candidate) if other is each else other for other in facts.submitted
            )
            changed = replace(facts, submitted=others, requirements=called.musts(key, row, facts))
            before = one.effective.outcome
            then = effective(one.decided, changed, policy, facts.today, one.met).outcome
            if before in PASSING and OUTCOMES.index(then) > OUTCOMES.index(before):
                broken.setdefault(row.submission_id, []).append(Broken(engagements[key], before, then))
    return broken


def _changed(
    session: Session, identity: Identity, candidate: Questionnaire, rows: Iterable[WhatIfRow]
) -> list[WhatIfRow]:
    """Those whose bands the version reads as worse, and where it brings a knock-out or calls for more in contracts."""
    rows = list(rows)
    hashes: Any = session.execute(
        select(Submission.id, Submission.content_hash).where(
            Submission.id.in_([one.submission_id for one in rows]), *mine(identity.scope, Submission)
        )
    )
    known = {submission: library.definition(session, content_hash) for submission, content_hash in hashes}
    return [one for one in rows if not _no_worse(one, known.get(one.submission_id), candidate)]


def _no_worse(row: WhatIfRow, own: Questionnaire | None, candidate: Questionnaire) -> bool:
    """Whether the version reads it as well as its ``own`` does, or better."""
    every, each = _shifts(row)
    if own is None or _failed(row) or any(_calls(one) for one in (every, *each.values())):
        return False
    before = [_level(own, name) for name in row.before[2:]]
    after = [_level(candidate, name) for name in row.after[2:]]
    return all(
        was is not None and will is not None and will >= was for was, will in zip(before, after, strict=True)
    )


def _failed(row: WhatIfRow) -> list[str]:
    """The keys of knock-outs that the version brings."""
    changes: Mapping[str, list[list[str]]] = json.loads(row.changes)
    return [key for key, _before, after in changes.get("knockouts", []) if after == "failed"]


_MORE: Mapping[str | None, int] = {"not_required": 0, "undetermined": 1, "required": 2}


Shifts = Iterable[Sequence[str]]


def _shifts(row: WhatIfRow) -> tuple[Shifts, Mapping[str, Shifts]]:
    """What contracts must hold otherwise: of any engagement, and by engagement's id where these differ."""
    changes: Mapping[str, Any] = json.loads(row.changes)
    return changes.get("requirements", []), changes.get("engagements", {})


def _calls(shifts: Shifts) -> dict[str, str]:
    """The musts of a contract that the version calls for, or leaves open: key -> outcome.

    One that it calls for no more makes nothing worse, and stays as it is until somebody evaluates anew. One that stays
    open waits for something else: what two people settled of it holds no longer.
    """
    more = {
        key: after
        for key, before, after in shifts
        if _MORE.get(after, 0) > _MORE.get(before, 0) or before == after
    }
    catalogue = requirements.load()
    found = {key: catalogue.get(key) for key in more}
    return {key: more[key] for key, one in found.items() if one is not None and one.severity == "must"}


class _Called:
    """What a version calls for in contracts, as far as they are; read only where it calls for more than now."""

    def __init__(
        self,
        session: Session,
        identity: Identity,
        rows: Iterable[WhatIfRow],
        engagements: Collection[Engagement],
    ) -> None:
        assert identity.organisation is not None
        ours = identity.organisation.id
        self._shifts = {one.submission_id: _shifts(one) for one in rows}
        self._contracts: Contracts | None = None
        if any(_calls(one) for every, each in self._shifts.values() for one in (every, *each.values())):
            found = vendors.vendors(session, identity, {one.vendor_id for one in engagements})
            companies = {one.id: found[one.vendor_id].company_id for one in engagements}
            self._contracts = loading_contract.contracts(session, ours, companies)
            self._zone: str = session.execute(
                select(Organisation.zone).where(Organisation.id == ours)
            ).scalar_one()

    def musts(self, engagement: uuid.UUID, row: WhatIfRow, facts: GateFacts) -> tuple[Requirement, ...]:
        """Those of ``facts``, and what the version would call for besides."""
        every, each = self._shifts[row.submission_id]
        shifts = each.get(str(engagement), every)
        called = {one.key for one in facts.requirements}
        # one that stays open and is not called for today is a matter of the next evaluation, not of the version
        calls = _calls(one for one in shifts if one[1] != one[2] or one[0] in called)
        if self._contracts is None or not calls:
            return facts.requirements
        return loading_contract.foreseen(engagement, self._contracts, calls, facts, self._zone)


def _foreseen(each: Submitted, row: WhatIfRow, candidate: Questionnaire) -> Submitted:
    """A submission with the band that the version would give it, and the knock-outs that it would bring.

    A what-if reads answers under the facts that they were issued with: where those of now make them worse, they are no
    better by another version.
    """
    low, high = (_level(candidate, name) for name in (row.after[2], row.after[3]))
    if each.outgrown and each.low is not None and each.high is not None:
        low, high = (low and min(low, each.low)), (high and min(high, each.high))
    known = {one.key for one in each.knockouts}
    return replace(
        each,
        low=low if high is not None else None,
        high=high if low is not None else None,
        knockouts=(
            *each.knockouts,
            *(Knockout(key, failed=True) for key in _failed(row) if key not in known),
        ),
    )


def _level(candidate: Questionnaire, name: str | None) -> int | None:
    band = candidate.band(name) if name else None
    return band.level if band is not None else None


def _covered(session: Session, identity: Identity, rows: Iterable[WhatIfRow]) -> set[uuid.UUID]:
    """The engagements that these submissions are about."""
    assessments = {one.assessment_id for one in rows}
    statement = select(AssessmentEngagement.engagement_id).where(
        AssessmentEngagement.assessment_id.in_(assessments), *mine(identity.scope, AssessmentEngagement)
    )
    return set(session.execute(statement).scalars())
