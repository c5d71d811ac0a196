"""The facts of gates from the database: for one engagement and for many in the same number of statements.

The caller has made sure that its reader may see the engagements. Whoever decides on the facts holds the engagement's
row (vendors.ground): every writer of a ground waits for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.clock import local_date
from portal.faults import NotFound
from portal.findings.queries import KNOCKOUT, OpenFinding, open_for_gate
from portal.gate import loading_answers, loading_contract, own_acts
from portal.gate.facts import Accepted, Document, Finding, GateFacts, Submitted
from portal.gate.grounds import unjudged
from portal.gate.loading_answers import MOST_FORMER, Pair, Sent
from portal.gate.loading_contract import Contracts
from portal.gate.loading_facts import Facts
from portal.gate.models import RiskException
from portal.gate.sheets import Fix, Sheet, documents_of, judged_altogether, months_of, submitted
from portal.organisations.models import Organisation
from portal.remembered import Remembered
from portal.vendors.facts import facts_of as facts_of_engagement
from portal.vendors.facts import judged
from portal.vendors.models import Engagement, Vendor
from portal.vendors.policy import Policy, touches_personal
from questionnaires import requirements

BATCH = 500  # engagements that are read at once: their answers and results lie in memory meanwhile
APPROVED = "approved"
Policies = Mapping[uuid.UUID, Collection[Policy]]
State = Literal["current", "catalogue", "outdated", "none"]
_months: Remembered[dict[str, int]] = Remembered(500)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Facts, and the rows that they come from: the newest ratings, evaluation, intake; ``ground_revision`` of then."""

    facts: GateFacts
    ratings: tuple[uuid.UUID, ...]
    evaluation_id: uuid.UUID | None
    intake_id: uuid.UUID | None
    ground_revision: int


def facts_of(
    session: Session, organisation_id: uuid.UUID, engagement_ids: Iterable[uuid.UUID], *, now: datetime
) -> dict[uuid.UUID, GateFacts]:
    """The facts of each of these engagements of one organisation, on its local day of ``now``."""
    return {key: one.facts for key, one in many(session, organisation_id, engagement_ids, now=now).items()}


def one(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_id: uuid.UUID,
    *,
    now: datetime,
    without: Collection[uuid.UUID] = (),
) -> Loaded:
    """The same for one, or NotFound. ``without``: as if these people had done nothing that makes the facts look better:
    their marks count only where they are worse, the findings that they closed stand, and a tier that rests on their
    answers alone counts as set by hand.
    """
    found = many(session, organisation_id, [engagement_id], now=now, without=without)
    if engagement_id not in found:
        raise NotFound
    return found[engagement_id]


def many(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_ids: Iterable[uuid.UUID],
    *,
    now: datetime,
    without: Collection[uuid.UUID] = (),
    policies: Policies | None = None,
) -> dict[uuid.UUID, Loaded]:
    """What each gate rests on: a fixed number of statements for every BATCH; engagements of others are left out.

    ``policies``: by engagement those that its decision is looked at under. What was handed in before the newest is read
    where one of them finds that it still has to be judged; None: wherever somebody could still judge something. No
    proposal rests on it (stored.facts_hash).
    """
    found: dict[uuid.UUID, Loaded] = {}
    waiting = iter(sorted(set(engagement_ids)))
    while batch := list(islice(waiting, BATCH)):
        found |= _batch(session, organisation_id, batch, now, without, policies)
    return found


def _batch(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    now: datetime,
    without: Collection[uuid.UUID],
    policies: Policies | None,
) -> dict[uuid.UUID, Loaded]:
    organisation: Any = session.execute(
        select(Organisation.zone, Organisation.regimes).where(Organisation.id == organisation_id)
    ).one()
    rows = _engagements(session, organisation_id, ids)
    sent = loading_answers.sent(session, organisation_id, ids)
    for key, row in rows.items():  # what another company has said before says nothing of this one
        sent[key] = _of_company(sent.get(key, {}), row.company_id)
    present = {key: judged(facts_of_engagement(row, row, organisation)) for key, row in rows.items()}
    newest = [(key, each[0]) for key, some in sent.items() for each in some.values()]
    sheets, ratings = loading_answers.sheets(session, organisation_id, newest, present, without=without)
    former = _former(session, organisation_id, rows, sent, sheets, present, policies)
    findings = open_for_gate(session, organisation_id, ids)
    alone = own = frozenset[uuid.UUID]()
    if without:
        findings = own_acts.findings_without(session, organisation_id, ids, findings, without)
        alone = own_acts.opened_alone(session, organisation_id, ids, without)
        own = own_acts.set_alone(session, organisation_id, ids, without)
    contracts = loading_contract.contracts(
        session, organisation_id, {key: row.company_id for key, row in rows.items()}, without
    )
    accepted = _exceptions(session, organisation_id, ids, without)
    day = local_date(now, organisation.zone)
    return {
        key: _loaded(
            row, organisation.zone, present[key], sent[key], sheets, former, ratings, findings[key], contracts,
            accepted.get(key, ()), day, by_hand=row.intake_id is None or key in alone,
            own=key in alone or (row.intake_id is None and key in own),
        )
        for key, row in rows.items()
    }  # fmt: skip


def _loaded(
    row: Any,
    zone: str,
    now: Facts,
    sent: Mapping[str, list[Sent]],
    sheets: Mapping[Pair, Sheet],
    former: Mapping[Pair, Sheet],
    ratings: Mapping[uuid.UUID, uuid.UUID],
    findings: Collection[OpenFinding],
    contracts: Contracts,
    accepted: Iterable[Accepted],
    day: date,
    *,
    by_hand: bool,
    own: bool,
) -> Loaded:
    fixes = _fixes(findings)
    present = {slug: sheets[row.id, each[0].id] for slug, each in sent.items()}
    evaluation = contracts.evaluations.get(row.id)
    facts = GateFacts(
        today=day,
        tier=row.tier,  # what asks for more holds at once, and what asks for less waits: the stricter counts
        tier_by_hand=by_hand,
        tier_own=own,
        tier_waits=row.waiting_intake_id is not None,
        personal=touches_personal(row.facts),
        linked=row.company_id is not None,
        offboarded=row.offboarded_at is not None,
        evaluation=_evaluated(now, evaluation, present.values()),
        submitted=tuple(
            submitted(
                sheet,
                fixes.get(slug, {}),
                _chain(
                    [former[row.id, one.id] for one in sent[slug][1:] if (row.id, one.id) in former],
                    fixes.get(slug, {}),
                ),
            )
            for slug, sheet in present.items()
        ),
        findings=tuple(_finding(one) for one in findings),
        documents=tuple(_documents(list(present.values()))),
        requirements=loading_contract.requirements(row.id, contracts, row.tier, zone),
        accepted=tuple(accepted),
    )
    return Loaded(
        facts,
        tuple(ratings[sheet.submission] for sheet in present.values()),
        evaluation.id if evaluation is not None else None,
        row.intake_id,
        row.ground_revision,
    )


# --------------------------------------------------------------------------------------------------------- engagement


def _engagements(
    session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Any]:
    """Columns of engagements and their vendors, as they are in the database now."""
    rows = session.execute(
        select(
            Engagement.id,
            Engagement.tier,
            Engagement.facts,
            Engagement.description,
            Engagement.intake_id,
            Engagement.waiting_intake_id,
            Engagement.ground_revision,
            Vendor.company_id,
            Vendor.country,
            Vendor.offboarded_at,
        )
        .join(Vendor, (Vendor.id == Engagement.vendor_id) & (Vendor.organisation_id == organisation_id))
        .where(Engagement.organisation_id == organisation_id, Engagement.id.in_(ids))
    )
    return {one.id: one for one in rows}


def _evaluated(now: Facts, evaluation: Any, sheets: Iterable[Sheet]) -> State:
    """Whether the evaluation rests on what there is now. What was removed from the record can be evaluated no more."""
    if evaluation is None:
        return "none"
    gone = {str(one.submission) for one in sheets if one.redacted}
    there = {str(one.submission) for one in sheets} - gone
    if now != evaluation.facts or there != set(evaluation.submissions) - gone:
        return "outdated"
    return "current" if evaluation.catalogue_hash == requirements.load().content_hash else "catalogue"


# ------------------------------------------------------------------------------------------------------------- answers


def _of_company(found: Mapping[str, list[Sent]], company: uuid.UUID | None) -> dict[str, list[Sent]]:
    own = {slug: [one for one in each if one.company == company] for slug, each in found.items()}
    return {slug: each for slug, each in own.items() if each}


def _former(
    session: Session,
    organisation_id: uuid.UUID,
    rows: Mapping[uuid.UUID, Any],
    sent: Mapping[uuid.UUID, Mapping[str, list[Sent]]],
    sheets: Mapping[Pair, Sheet],
    facts: Mapping[uuid.UUID, Facts],
    policies: Policies | None,
) -> dict[Pair, Sheet]:
    """The sheets of what was handed in before submissions that somebody still has to judge.

    MOST_FORMER of them; all, where none of these was judged either: no number of new ones makes the last judged one
    forgotten.
    """

    def waits(key: uuid.UUID, one: Sheet) -> bool:
        if policies is None:
            return not judged_altogether(one)
        row = rows[key]
        return _waits(submitted(one), policies.get(key, ()), row.tier, touches_personal(row.facts))

    chains = [
        (key, each)
        for key, some in sent.items()
        for each in some.values()
        if len(each) > 1 and waits(key, sheets[key, each[0].id])
    ]
    if not chains:
        return {}
    first = [(key, one) for key, each in chains for one in each[1 : 1 + MOST_FORMER]]
    found, _ratings = loading_answers.sheets(session, organisation_id, first, facts, newest=False)
    rest = [
        (key, one)
        for key, each in chains
        if all(waits(key, found[key, one.id]) for one in each[1 : 1 + MOST_FORMER])
        for one in each[1 + MOST_FORMER :]
    ]
    if rest:
        found |= loading_answers.sheets(session, organisation_id, rest, facts, newest=False)[0]
    return found


def _waits(one: Submitted, policies: Iterable[Policy], tier: str, personal: bool | None) -> bool:
    """Whether one of these policies demands it, and that somebody judges it still."""
    demands = (each.tier(tier) for each in policies)
    return any(one.slug in each.demands(personal) and unjudged(one, each) for each in demands)


def _chain(before: Iterable[Sheet], fixes: Mapping[str, Fix]) -> tuple[Submitted, ...]:
    """What was handed in before, the newest first, up to and with what was judged altogether."""
    found: list[Submitted] = []
    for one in before:
        found.append(submitted(one, fixes))
        if not found[-1].unjudged:
            break
    return tuple(found)


def _documents(sheets: Collection[Sheet]) -> list[Document]:
    """sheets.documents_of, with what each questionnaire asks worked out once in a process."""
    asked = [_months.get(one.definition.content_hash, partial(months_of, one.definition)) for one in sheets]
    return documents_of(sheets, asked)


# -------------------------------------------------------------------------------------------- findings and exceptions


def _fixes(findings: Iterable[OpenFinding]) -> dict[str, dict[str, Fix]]:
    """Questionnaire -> question -> what the finding of its knock-out says."""
    found: dict[str, dict[str, Fix]] = {}
    for one in findings:
        if one.code == KNOCKOUT:
            found.setdefault(one.slug, {})[one.key] = Fix(one.opened, one.due, one.first_due)
    return found


def _finding(one: OpenFinding) -> Finding:
    knockout = f"{one.slug}:{one.key}" if one.code == KNOCKOUT else ""
    return Finding(str(one.id), one.severity, one.opened, one.due, one.first_due, knockout)


def _exceptions(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    without: Collection[uuid.UUID],
) -> dict[uuid.UUID, list[Accepted]]:
    """What two people accepted; not where both are among those who count as one."""
    rows: Iterable[Any] = session.execute(
        select(
            RiskException.engagement_id,
            RiskException.code,
            RiskException.subject,
            RiskException.until,
            RiskException.measure,
            RiskException.tier,
            RiskException.proposed_by,
            RiskException.settled_by,
        ).where(
            RiskException.organisation_id == organisation_id,
            RiskException.engagement_id.in_(ids),
            RiskException.state == APPROVED,
        )
    )
    found: dict[uuid.UUID, list[Accepted]] = {}
    for engagement, *columns, first, second in rows:
        if not (first in without and second in without):
            found.setdefault(engagement, []).append(Accepted(*columns))
    return found
