"""Gathering what the pages about one submission show, as far as its reader may see it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import rating, result_queries, sealing
from portal.assessments.drafts import Content
from portal.assessments.result import read
from portal.assessments.result_queries import Pair, Rated
from portal.contracts import queries as contracts
from portal.contracts.queries import Points
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.reports.page import Hold, ResultPage, result_page
from portal.reports.sight import Sight, sight_of
from portal.reports.steps import Way, way
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from questionnaires.answers import parse_facts
from questionnaires.definition import Band, Questionnaire
from questionnaires.fixes import best_fixes

MOST_STEPS = 10


@dataclass(frozen=True, slots=True)
class Brief:
    """A rating without its numbers: the band, the best it can become, and in words what holds it."""

    bands: tuple[Band, ...]
    band: Band | None
    best_band: Band | None
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One sealed submission for one reader.

    ``page`` and ``way`` only if all may be seen, ``brief`` if the band may. ``inside``: of the organisation.
    """

    rated: Rated
    definition: Questionnaire
    organisation: Organisation
    vendor: str
    answers: Mapping[str, Content]
    sight: Sight
    page: ResultPage | None
    brief: Brief | None
    way: Way | None
    points: Points
    inside: bool
    engagements: tuple[Engagement, ...] = ()


def for_organisation(
    session: Session,
    identity: Identity,
    assessment_id: uuid.UUID,
    round_number: int | None = None,
    *,
    steps: bool = True,
) -> Report:
    """Everything about the newest submission, or that of a round; NotFound as ``result_queries.rated``.

    ``steps``: whether the way to the best band is worked out, which rates the answers many times.
    """
    rated = result_queries.rated(session, identity, assessment_id, round_number)
    pair = Pair(rated.submission.organisation_id, rated.submission.company_id)
    covered = vendors.engagements(
        session, identity, result_queries.engagement_ids(session, rated.assessment, pair)
    )
    engagements = tuple(sorted(covered.values(), key=lambda one: one.name_key))
    points = contracts.points(session, contracts.newest(session, identity, covered).values(), "organisation")
    return _report(
        session,
        rated,
        organisations.organisation_of(session, identity),
        vendors.vendor(session, identity, rated.assessment.vendor_id).name,
        Sight.ALL,
        points,
        engagements,
        inside=True,
        steps=steps,
    )


def for_company(
    session: Session, identity: Identity, assessment_id: uuid.UUID, round_number: int | None = None
) -> Report:
    """The company's own submission, with as much of the rating as the organisation's settings let it see."""
    if identity.company is None:
        raise LookupError("this is the company's side")
    rated = result_queries.rated(session, identity, assessment_id, round_number)
    pair = Pair(rated.submission.organisation_id, rated.submission.company_id)
    organisation = organisations.organisation_for_company(session, rated.assessment.organisation_id)
    ids = result_queries.engagement_ids(session, rated.assessment, pair)
    points = contracts.points(session, contracts.newest(session, identity, ids).values(), "company")
    sight = sight_of(organisation.vendor_sees, reviewed=rated.assessment.reviewed_at is not None)
    return _report(session, rated, organisation, identity.company.name, sight, points)


def _report(
    session: Session,
    rated: Rated,
    organisation: Organisation,
    vendor: str,
    sight: Sight,
    points: Points,
    engagements: tuple[Engagement, ...] = (),
    inside: bool = False,
    steps: bool = True,
) -> Report:
    definition = library.definition(session, rated.submission.content_hash)
    answers = {key: sealing.content(data) for key, data in rated.sealed.items()}
    page = result_page(definition, read(rated.rating.result), answers)
    return Report(
        rated,
        definition,
        organisation,
        vendor,
        answers,
        sight,
        page if sight is Sight.ALL else None,
        brief(page) if sight is Sight.BAND else None,
        _way(rated, definition, page) if sight is Sight.ALL and steps else None,
        points,
        inside,
        engagements,
    )


def brief(page: ResultPage) -> Brief:
    """The same rating with every number taken out."""
    holds = tuple(replace(one, knockout=None, points="") for one in page.holds)
    return Brief(page.bands, page.band, page.best_band, holds)


def _way(rated: Rated, definition: Questionnaire, page: ResultPage) -> Way | None:
    """The shortest way to the best band; None where there is none to climb to, or answers are gone."""
    if rated.proof.redacted or rated.proof.broken or rated.proof.evidence_redacted:
        return None
    if page.outcome.score is None or page.band is None or page.band == definition.bands[0]:
        return None
    typed = sealing.typed_answers(definition, rated.sealed, rated.submission.as_of, rated.documents)
    judgement = rating.judgement_of(rated.rating)
    judged = rating.judged_answers(definition, typed, judgement, rated.submission.as_of, rated.documents)
    facts = parse_facts(rated.rating.facts)
    best = definition.bands[0].name
    fixes = best_fixes(definition, judged, facts, rated.rating.as_of, best, MOST_STEPS)
    return way(definition, fixes, page.outcome.score, page.band.name)
