"""The features that have pages, in import order."""

from __future__ import annotations

from collections.abc import Callable

from portal import health
from portal.accounts import views as accounts
from portal.assessments import answering_routes as answering
from portal.assessments import confirm_views as confirming
from portal.assessments import enquiries
from portal.assessments import issue_views as issuing
from portal.assessments import joining_views as joining
from portal.assessments import portfolio_views as portfolio
from portal.contracts import service as contract_service
from portal.contracts import views as contracts
from portal.library import views as library
from portal.organisations import views as organisations
from portal.reassessment import service as reassessment_service
from portal.reassessment import views as reassessment
from portal.reports import views as results
from portal.vendors import views as vendors

VIEWS = (
    health,
    accounts,
    organisations,
    joining,
    confirming,
    library,
    vendors,
    portfolio,
    issuing,
    answering,
    contracts,
    reassessment,
    results,
)

# What happens when answers are submitted, in this order: (session, assessment, submission, actor, now).
CONSEQUENCES: tuple[Callable[..., None], ...] = (
    contract_service.evaluate_after_submission,
    reassessment_service.schedule_next,
    enquiries.close_after_submission,
)
