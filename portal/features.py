"""The features that have pages, in import order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType

from portal import health
from portal.accounts import resets
from portal.accounts import routes as accounts
from portal.api import docs_views as api
from portal.api.app import RESOURCES as API
from portal.assessments import answering_routes as answering
from portal.assessments import client_views as clients
from portal.assessments import confirm_views as confirming
from portal.assessments import contact_views as contacts
from portal.assessments import delegation_routes as delegation
from portal.assessments import doubts, enquiries, previewing_beside
from portal.assessments import enquiry_organisation_views as asked
from portal.assessments import enquiry_views as enquiring
from portal.assessments import issue_views as issuing
from portal.assessments import joining_views as joining
from portal.assessments import list_views as lists
from portal.assessments import move_views as moving
from portal.assessments import offer_views as offers
from portal.assessments import portfolio_views as vendor_pages
from portal.assessments import previewing_views as previewing
from portal.assessments import release_views as releasing
from portal.assessments import showing_views as showing
from portal.assessments import team_views as team
from portal.assessments import workbook_views as workbook
from portal.assessments import wrong_person_views as wrong_person
from portal.campaigns import foreseen as campaigns_foreseen
from portal.campaigns import views as campaigns
from portal.contracts import clause_views as clauses
from portal.contracts import schedule_views as schedule
from portal.contracts import service as contract_service
from portal.contracts import signing_views as signing
from portal.contracts import views as contracts
from portal.erasure import routes as erasure
from portal.evidence import views as evidence
from portal.findings import company_views as remediation
from portal.findings import finding_views as finding
from portal.findings import lists as finding_lists
from portal.findings import opening as finding_opening
from portal.findings import views as findings
from portal.gate import lists as gate_lists
from portal.gate import more_views as gate_pages
from portal.gate import routes as gate
from portal.gate.foreseen import Effects, effects
from portal.gate.reading import Brief
from portal.gate.rested import decided_on
from portal.intake import queries as intake_queries
from portal.intake import views as intake
from portal.library import authoring_views as authoring
from portal.library import diff_views as diffing
from portal.library import editing_views as editing
from portal.library import exchange_views as exchange
from portal.library import merge_views as merging
from portal.library import views as library
from portal.organisations import routes as organisations
from portal.organisations import sso_setting_views as sso_setting
from portal.organisations import sso_views as sso
from portal.organisations import token_views, tokens
from portal.portfolio import routes as portfolio
from portal.portfolio import search_views as search
from portal.reassessment import at_clients, workdays
from portal.reassessment import calendar_views as calendar
from portal.reassessment import choice_views as choices
from portal.reassessment import ending_views as ending
from portal.reassessment import feed_views as feeds
from portal.reassessment import feeds as feed_service
from portal.reassessment import file_views as cycle_files
from portal.reassessment import foresight_views as foresight
from portal.reassessment import incident_company_views as told
from portal.reassessment import incident_views as incidents
from portal.reassessment import post_views as letters
from portal.reassessment import rules_views as rules
from portal.reassessment import run_views as runs
from portal.reassessment import service as reassessment_service
from portal.reassessment import trigger_views as triggers
from portal.reassessment import views as reassessment
from portal.reports import copy_views as copy
from portal.reports import engagement_views as engagements
from portal.reports import event_views as events
from portal.reports import many_views as many
from portal.reports import report_views as report
from portal.reports import views as results
from portal.reports import what_if_views as what_if
from portal.review import carrying as review_carrying
from portal.review import doubts as review_doubts
from portal.review import draft_views as review_drafts
from portal.review import last_time, stranded
from portal.review import queue_views as review_queue
from portal.review import return_views as returns
from portal.review import thread_views as threads
from portal.review import views as reviews
from portal.vendors import import_views as imports
from portal.vendors import policy_views as policy
from portal.vendors import views as vendors
from portal.webhooks import views as webhooks

VIEWS = (
    health,
    accounts,
    organisations,
    token_views,
    sso,
    sso_setting,
    joining,
    confirming,
    wrong_person,
    enquiring,
    asked,
    library,
    authoring,
    editing,
    previewing,
    diffing,
    exchange,
    merging,
    releasing,
    vendors,
    imports,
    policy,
    intake,
    vendor_pages,
    lists,
    clients,
    contacts,
    issuing,
    answering,
    delegation,
    workbook,
    team,
    evidence,
    showing,
    offers,
    moving,
    review_queue,
    reviews,
    findings,
    finding,
    remediation,
    review_drafts,
    returns,
    threads,
    contracts,
    schedule,
    signing,
    clauses,
    gate,
    calendar,
    rules,
    foresight,
    reassessment,
    choices,
    feeds,
    letters,
    runs,
    incidents,
    told,
    ending,
    triggers,
    cycle_files,
    webhooks,
    portfolio,
    search,
    campaigns,
    results,
    report,
    engagements,
    many,
    what_if,
    events,
    copy,
    erasure,
    api,
    *API,
)

# What happens when answers are submitted, in this order: (session, assessment, submission, actor, now).
CONSEQUENCES: tuple[Callable[..., None], ...] = (
    review_carrying.carry_after_submission,  # first: what is evaluated rests on the marks that are kept
    last_time.heed_after_submission,
    contract_service.evaluate_after_submission,
    finding_opening.open_after_submission,
    reassessment_service.schedule_next,
    enquiries.close_after_submission,
)

# What happens when a reviewer's marks are written into a rating, in this order: the same arguments.
RATED: tuple[Callable[..., None], ...] = (
    contract_service.evaluate_after_submission,
    finding_opening.open_after_submission,
)

# Why an assessment cannot be reopened as a whole now: (session, assessment).
HINDERS_REOPENING: Callable[..., str] = stranded.reopening_hindered

# What follows when a vendor is taken away from its company: (session, vendor).
UNLINKED: Callable[..., None] = reassessment_service.end_of_link

# How many wait on a page of the navigation, by its endpoint: (session, identity).
WAITING: Mapping[str, Callable[..., int]] = MappingProxyType(
    {
        "intake.waiting_list": intake_queries.how_many_wait,
        "gate.list_page": gate_lists.waiting_for,
        "remediation.list_page": finding_lists.how_many_wait,
    }
)

# How the gate of an engagement stands, for its own page: (session, identity, engagement's id, now=).
GATE_OF: Callable[..., Brief] = gate_lists.brief_of

# The decisions of gates that a version would break, for what-ifs: (session, identity, candidate, rows).
BREAKS: Callable[..., Mapping[uuid.UUID, list[str]]] = gate_pages.breaks

# What else waits at an organisation, for whoever works for several: (session, identity, today=, now=).
AT_CLIENTS: Callable[..., Mapping[str, int]] = at_clients.figures

# How many API tokens of a person work, for their account: (session, person's id, now=).
TOKENS_OF: Callable[..., int] = tokens.living

# The evaluations that the gate's decisions on an engagement rested on: (session, identity, engagement's id).
DECIDED_ON: Callable[..., tuple[uuid.UUID, ...]] = decided_on

# A password set by a letter's link ends the person's API tokens and calendar addresses as well.
resets.also_ends(tokens.revoke_all)
resets.also_ends(feed_service.revoke_all)

# What reviewers did not believe, for the vendors that are asked the same again.
doubts.register(review_doubts.doubts)

# What stands beside the editor of a question: (document of the draft, question as it stands in the form, errors).
AS_SEEN: Callable[..., previewing_beside.Seen] = previewing_beside.seen

# The whole picture as the first page of those who answer for it all.
PORTFOLIO: Callable[[], str] = portfolio.page

# Whether the public holidays of a region (PT, DE-BY) are known.
KNOWS_REGION: Callable[[str], bool] = workdays.is_region

# What a draft of the policy would change at the gates: (session, identity, draft, now=).
POLICY_EFFECTS: Callable[..., Effects] = effects

# What these do by themselves is said ahead (foreseen_ahead.register).
AHEAD = (campaigns_foreseen,)
