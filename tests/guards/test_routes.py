"""Every route is marked, and the permission table holds for each role and method (law 4)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from portal.access import TABLE, CompanyRole, Identity, OrganisationRole, Permission
from portal.access import Permission as P
from portal.db import Database
from portal.settings import Settings
from portal.web import Portal, mark_of
from tests.portal.world import Browser, Place, make_company, make_organisation, signed_in

ASSESSMENT_C = "/c/<company>/assessments/<uuid:assessment>"
ASSESSMENT_O = "/o/<organisation>/assessments/<uuid:assessment>"
DOCUMENT = "/c/<company>/evidence/<uuid:evidence>"
BESIDE = f"{ASSESSMENT_C}/sections/<section>/questions/<question>/evidence"
VENDOR = "/o/<organisation>/vendors/<uuid:vendor>"
DRAFT = "/o/<organisation>/drafts/<uuid:draft>"
ENGAGEMENT = "/o/<organisation>/engagements/<uuid:engagement>"

REVIEW = "/o/<organisation>/reviews/<uuid:submission>"
FINDING_O = "/o/<organisation>/findings/<uuid:finding>"
FINDING_C = "/c/<company>/findings/<uuid:finding>"
API = "/api/v1"  # who asks comes from a token, and with it the organisation

# Every route with the permission that it asks for; None is public. A route that is missing here fails.
ROUTES: dict[str, Permission | None] = {
    "GET /": None,
    "GET /healthz": None,
    "GET /metrics": None,
    "GET /o/<organisation>/calendar/worker": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar/rules": P.SEE_POLICY,
    "POST /o/<organisation>/calendar/rules": P.MANAGE_CYCLE,
    "GET /o/<organisation>/calendar/rules/<int:sequence>": P.SEE_POLICY,
    "POST /o/<organisation>/reassessments/<uuid:scheduled>/open": P.ISSUE,
    "POST /o/<organisation>/reassessments/<uuid:scheduled>/move": P.ISSUE,
    "POST /o/<organisation>/reassessments/<uuid:scheduled>/leave": P.ISSUE,
    "POST /o/<organisation>/reassessments/<uuid:scheduled>/take-back": P.ISSUE,
    "GET /static/<path:filename>": None,
    "GET /sign-in": None,
    "POST /sign-in": None,
    "GET /forgot": None,
    "POST /forgot": None,
    "GET /reset/<token>": None,
    "POST /reset/<token>": None,
    "GET /delegations/<token>": None,
    "POST /delegations/<token>": None,
    f"GET {ASSESSMENT_C}/mine": P.SEE_QUESTIONS,
    f"POST {ASSESSMENT_C}/mine": P.ANSWER,
    f"POST {ASSESSMENT_C}/mine/leave": P.SEE_QUESTIONS,
    f"GET {ASSESSMENT_C}/delegations": P.DELEGATE,
    f"GET {ASSESSMENT_C}/delegations/new": P.DELEGATE,
    f"POST {ASSESSMENT_C}/delegations/new": P.DELEGATE,
    f"GET {ASSESSMENT_C}/delegations/answers": P.DELEGATE,
    f"POST {ASSESSMENT_C}/delegations/answers": P.DELEGATE,
    f"POST {ASSESSMENT_C}/delegations/<uuid:delegation>/resend": P.DELEGATE,
    f"POST {ASSESSMENT_C}/delegations/<uuid:delegation>/revoke": P.DELEGATE,
    "GET /invitations/<token>": None,
    "POST /invitations/<token>": None,
    "GET /invitations/<token>/not-me": None,
    "POST /invitations/<token>/not-me": None,
    "GET /confirm": None,
    "POST /confirm": None,
    "POST /sign-out": P.SESSION,
    "GET /home": P.SESSION,
    "GET /account": P.ACCOUNT,
    "POST /account": P.ACCOUNT,
    "GET /account/data": P.ACCOUNT,
    "GET /account/data.json": P.ACCOUNT,
    "POST /account/data": P.ACCOUNT,
    "GET /sign-in/code": None,
    "POST /sign-in/code": None,
    "POST /sign-in/leave": None,
    "POST /account/name": P.ACCOUNT,
    "POST /account/keys": P.ACCOUNT,
    "GET /account/address": P.ACCOUNT,
    "POST /account/address": P.ACCOUNT,
    "POST /account/address/withdraw": P.ACCOUNT,
    "GET /account/address/confirm/<token>": P.ACCOUNT,
    "POST /account/address/confirm/<token>": P.ACCOUNT,
    "GET /account/address/stop/<token>": None,
    "POST /account/address/stop/<token>": None,
    "GET /account/second-factor": P.ACCOUNT,
    "POST /account/second-factor": P.ACCOUNT,
    "POST /account/second-factor/confirm": P.ACCOUNT,
    "GET /account/second-factor/codes": P.ACCOUNT,
    "POST /account/second-factor/codes": P.ACCOUNT,
    "GET /account/second-factor/remove": P.ACCOUNT,
    "POST /account/second-factor/remove": P.ACCOUNT,
    "GET /sso": None,
    "GET /sso/<client>": None,
    "GET /sso/<client>/start": None,
    "GET /sso/<client>/callback": None,
    "POST /sso/<client>/callback": None,
    "GET /sso/<client>/link": None,
    "POST /sso/<client>/link": P.ACCOUNT,
    "GET /o/<organisation>/sign-in-provider": P.MANAGE_SSO,
    "POST /o/<organisation>/sign-in-provider": P.MANAGE_SSO,
    "POST /o/<organisation>/sign-in-provider/off": P.MANAGE_SSO,
    "POST /o/<organisation>/sign-in-provider/proposals/<uuid:sso_proposal>": P.MANAGE_SSO,
    "POST /sign-in/passkey": None,
    "POST /sign-in/code/passkey": None,
    "GET /account/passkeys": P.ACCOUNT,
    "POST /account/passkeys": P.ACCOUNT,
    "POST /account/passkeys/add": P.ACCOUNT,
    "GET /account/passkeys/<uuid:passkey>": P.ACCOUNT,
    "POST /account/passkeys/<uuid:passkey>/name": P.ACCOUNT,
    "POST /account/passkeys/<uuid:passkey>/remove": P.ACCOUNT,
    "GET /account/sessions": P.ACCOUNT,
    "POST /account/sessions/<uuid:login>/end": P.ACCOUNT,
    "POST /account/sessions/end-others": P.ACCOUNT,
    "GET /account/history": P.ACCOUNT,
    "GET /account/letters": P.ACCOUNT,
    "POST /account/letters": P.ACCOUNT,
    "GET /letters/off/<token>": None,
    "POST /letters/off/<token>": None,
    "GET /o/<organisation>/letters": P.SEE_LETTERS,
    "GET /o/<organisation>/letters.csv": P.SEE_LETTERS,
    "GET /o/<organisation>/letters.xlsx": P.SEE_LETTERS,
    "POST /o/<organisation>/letters/<uuid:letter>/resend": P.RESEND_LETTER,
    "POST /o/<organisation>/letters/resend": P.RESEND_LETTER,
    "GET /clients": P.ACCOUNT,
    # organisation
    "GET /o/<organisation>/": P.SEE_VENDORS,
    "GET /o/<organisation>/vendors": P.SEE_VENDORS,
    "GET /o/<organisation>/vendors.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/vendors.xlsx": P.SEE_VENDORS,
    "GET /o/<organisation>/vendors/import": P.MANAGE_VENDORS,
    "POST /o/<organisation>/vendors/import": P.MANAGE_VENDORS,
    "GET /o/<organisation>/vendors/import/example.csv": P.MANAGE_VENDORS,
    "GET /o/<organisation>/vendors/import/<uuid:listed>": P.MANAGE_VENDORS,
    "POST /o/<organisation>/vendors/import/<uuid:listed>": P.MANAGE_VENDORS,
    f"GET {VENDOR}/incidents": P.SEE_REVIEW,
    f"POST {VENDOR}/incidents": P.NOTE_INCIDENT,
    "GET /o/<organisation>/incidents": P.SEE_REVIEW,
    "GET /o/<organisation>/incidents.csv": P.SEE_REVIEW,
    "GET /o/<organisation>/incidents.xlsx": P.SEE_REVIEW,
    "GET /o/<organisation>/evidence": P.SEE_REVIEW,
    "GET /o/<organisation>/evidence.csv": P.SEE_REVIEW,
    "GET /o/<organisation>/evidence.xlsx": P.SEE_REVIEW,
    "POST /o/<organisation>/evidence/ask": P.REVIEW,
    "GET /o/<organisation>/triggers": P.SEE_SCHEDULE,
    "GET /o/<organisation>/triggers.csv": P.SEE_SCHEDULE,
    "GET /o/<organisation>/triggers.xlsx": P.SEE_SCHEDULE,
    "POST /o/<organisation>/triggers/<uuid:trigger>/settle": P.ISSUE,
    "GET /o/<organisation>/campaigns": P.SEE_VENDORS,
    "GET /o/<organisation>/campaigns.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/campaigns.xlsx": P.SEE_VENDORS,
    "GET /o/<organisation>/campaigns/new": P.CAMPAIGN,
    "POST /o/<organisation>/campaigns/new": P.CAMPAIGN,
    "GET /o/<organisation>/campaigns/<uuid:campaign>": P.SEE_VENDORS,
    "GET /o/<organisation>/campaigns/<uuid:campaign>.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/campaigns/<uuid:campaign>.xlsx": P.SEE_VENDORS,
    "POST /o/<organisation>/campaigns/<uuid:campaign>/change": P.CAMPAIGN,
    "POST /o/<organisation>/campaigns/<uuid:campaign>/close": P.CAMPAIGN,
    "GET /o/<organisation>/incidents/<uuid:incident>": P.SEE_REVIEW,
    "POST /o/<organisation>/incidents/<uuid:incident>": P.NOTE_INCIDENT,
    "GET /c/<company>/incidents": P.SEE_COMPANY,
    "POST /c/<company>/incidents": P.TELL_INCIDENT,
    "GET /c/<company>/incidents/<uuid:incident>": P.SEE_COMPANY,
    "POST /c/<company>/incidents/<uuid:incident>": P.TELL_INCIDENT,
    "GET /o/<organisation>/contacts": P.SEE_VENDORS,
    "GET /o/<organisation>/contacts.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/contacts.xlsx": P.SEE_VENDORS,
    "GET /o/<organisation>/vendors/<uuid:vendor>/unlink": P.MANAGE_VENDORS,
    "POST /o/<organisation>/vendors/<uuid:vendor>/unlink": P.MANAGE_VENDORS,
    "GET /o/<organisation>/contacts/<uuid:contact>": P.MANAGE_VENDORS,
    "POST /o/<organisation>/contacts/<uuid:contact>": P.MANAGE_VENDORS,
    "POST /o/<organisation>/contacts/<uuid:contact>/remove": P.MANAGE_VENDORS,
    "GET /o/<organisation>/engagements": P.SEE_VENDORS,
    "GET /o/<organisation>/engagements.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/engagements.xlsx": P.SEE_VENDORS,
    "GET /o/<organisation>/issue-many": P.ISSUE,
    "POST /o/<organisation>/issue-many": P.ISSUE,
    "GET /o/<organisation>/vendors/new": P.MANAGE_VENDORS,
    "POST /o/<organisation>/vendors/new": P.MANAGE_VENDORS,
    f"GET {VENDOR}": P.SEE_VENDORS,
    f"GET {VENDOR}/report": P.SEE_GATE,
    f"GET {VENDOR}/report.pdf": P.SEE_GATE,
    "GET /o/<organisation>/webhooks": P.MANAGE_WEBHOOKS,
    "POST /o/<organisation>/webhooks": P.MANAGE_WEBHOOKS,
    "GET /o/<organisation>/webhooks/<uuid:webhook>": P.MANAGE_WEBHOOKS,
    "POST /o/<organisation>/webhooks/<uuid:webhook>": P.MANAGE_WEBHOOKS,
    "POST /o/<organisation>/webhooks/<uuid:webhook>/remove": P.MANAGE_WEBHOOKS,
    "POST /o/<organisation>/webhooks/<uuid:webhook>/test": P.MANAGE_WEBHOOKS,
    "POST /o/<organisation>/webhooks/<uuid:webhook>/secret": P.MANAGE_WEBHOOKS,
    "POST /o/<organisation>/webhooks/<uuid:webhook>/deliveries/<uuid:delivery>/resend": P.MANAGE_WEBHOOKS,
    "GET /o/<organisation>/portfolio/report": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/report.pdf": P.SEE_PORTFOLIO,
    f"GET {VENDOR}/edit": P.MANAGE_VENDORS,
    f"POST {VENDOR}/edit": P.MANAGE_VENDORS,
    f"GET {VENDOR}/engagements/new": P.MANAGE_VENDORS,
    f"POST {VENDOR}/engagements/new": P.MANAGE_VENDORS,
    f"GET {VENDOR}/engagements/intake": P.INTAKE,
    f"POST {VENDOR}/engagements/intake": P.INTAKE,
    f"GET {ENGAGEMENT}/schedule": P.SEE_CONTRACT,
    f"GET {ENGAGEMENT}/schedule.docx": P.SEE_CONTRACT,
    f"GET {ENGAGEMENT}/schedule.html": P.SEE_CONTRACT,
    "GET /o/<organisation>/search": P.SEE_REVIEW,
    "GET /o/<organisation>/search.csv": P.SEE_REVIEW,
    "GET /o/<organisation>/search.xlsx": P.SEE_REVIEW,
    "GET /o/<organisation>/portfolio/fourth-parties": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/fourth-parties.csv": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/fourth-parties.xlsx": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/fourth-parties/engagements": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/fourth-parties/engagements.csv": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/fourth-parties/engagements.xlsx": P.SEE_PORTFOLIO,
    "POST /o/<organisation>/portfolio/fourth-parties/names": P.MANAGE_VENDORS,
    "GET /o/<organisation>/gates": P.SEE_GATE,
    "GET /o/<organisation>/portfolio": P.SEE_PORTFOLIO,
    "POST /o/<organisation>/views": P.SAVE_VIEW,
    "GET /o/<organisation>/views/<uuid:saved>/remove": P.SAVE_VIEW,
    "POST /o/<organisation>/views/<uuid:saved>/remove": P.SAVE_VIEW,
    "GET /o/<organisation>/portfolio/changes": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/changes.csv": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/changes.xlsx": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/conditions": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/conditions.csv": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/conditions.xlsx": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/exceptions": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/exceptions.csv": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/portfolio/exceptions.xlsx": P.SEE_PORTFOLIO,
    "GET /o/<organisation>/gates.csv": P.SEE_GATE,
    "GET /o/<organisation>/gates.xlsx": P.SEE_GATE,
    f"GET {ENGAGEMENT}/gate": P.SEE_GATE,
    f"POST {ENGAGEMENT}/gate": P.DECIDE,
    f"GET {ENGAGEMENT}/gate.json": P.SEE_GATE,
    f"POST {ENGAGEMENT}/gate/proposals/<uuid:proposal>": P.DECIDE,
    f"GET {ENGAGEMENT}/gate/decisions/<uuid:decision>": P.SEE_GATE,
    f"POST {ENGAGEMENT}/gate/decisions/<uuid:decision>/conditions/<uuid:condition>": P.DECIDE,
    f"GET {ENGAGEMENT}/gate/exceptions/new": P.DECIDE,
    f"POST {ENGAGEMENT}/gate/exceptions/new": P.DECIDE,
    f"POST {ENGAGEMENT}/gate/exceptions/<uuid:exception>": P.DECIDE,
    f"GET {ENGAGEMENT}/schedule/items/<uuid:item>": P.SEE_CONTRACT,
    f"POST {ENGAGEMENT}/schedule/items/<uuid:item>": P.CONTRACT,
    f"POST {ENGAGEMENT}/schedule/items/<uuid:item>/waiver": P.CONTRACT,
    f"POST {ENGAGEMENT}/schedule/items/<uuid:item>/settlement": P.REVIEW,
    f"POST {ENGAGEMENT}/schedule/waivers/<uuid:waiver>": P.WAIVE,
    f"POST {ENGAGEMENT}/schedule/waivers/<uuid:waiver>/withdraw": P.CONTRACT,
    f"POST {ENGAGEMENT}/schedule/settlements/<uuid:settlement>": P.REVIEW,
    f"GET {ENGAGEMENT}/schedule/contract": P.CONTRACT,
    f"POST {ENGAGEMENT}/schedule/contract": P.CONTRACT,
    f"GET {ENGAGEMENT}/schedule/files/<uuid:file>": P.SEE_CONTRACT,
    "GET /o/<organisation>/clauses": P.SEE_CONTRACT,
    "GET /o/<organisation>/clauses/<key>": P.SEE_CONTRACT,
    "POST /o/<organisation>/clauses/<key>": P.CONTRACT,
    f"GET {ENGAGEMENT}/intake": P.SEE_VENDORS,
    f"GET {ENGAGEMENT}/intake/again": P.INTAKE,
    f"POST {ENGAGEMENT}/intake/again": P.INTAKE,
    f"POST {ENGAGEMENT}/intake/proposals/<uuid:proposal>": P.INTAKE,
    "GET /o/<organisation>/intakes/waiting": P.SEE_VENDORS,
    f"GET {VENDOR}/contacts/new": P.MANAGE_VENDORS,
    f"POST {VENDOR}/contacts/new": P.MANAGE_VENDORS,
    f"POST {VENDOR}/contacts/<uuid:contact>/resend": P.MANAGE_VENDORS,
    f"POST {VENDOR}/contacts/<uuid:contact>/withdraw": P.MANAGE_VENDORS,
    f"GET {VENDOR}/issue": P.ISSUE,
    f"POST {VENDOR}/issue": P.ISSUE,
    f"GET {ENGAGEMENT}": P.SEE_VENDORS,
    f"GET {ENGAGEMENT}/edit": P.MANAGE_VENDORS,
    f"POST {ENGAGEMENT}/edit": P.MANAGE_VENDORS,
    f"GET {ENGAGEMENT}/requirements": P.SEE_VENDORS,
    f"POST {ENGAGEMENT}/requirements": P.MANAGE_VENDORS,
    "GET /o/<organisation>/reviews": P.SEE_REVIEW,
    "GET /o/<organisation>/reviews.csv": P.SEE_REVIEW,
    "GET /o/<organisation>/reviews.xlsx": P.SEE_REVIEW,
    "GET /o/<organisation>/findings": P.SEE_REVIEW,
    "GET /o/<organisation>/findings.csv": P.SEE_REVIEW,
    "GET /o/<organisation>/findings.xlsx": P.SEE_REVIEW,
    f"GET {REVIEW}/findings/new": P.REVIEW,
    f"POST {REVIEW}/findings/new": P.REVIEW,
    f"GET {FINDING_O}": P.SEE_REVIEW,
    f"POST {FINDING_O}/steps": P.REVIEW,
    f"GET {FINDING_O}/documents/<uuid:evidence>": P.SEE_REVIEW,
    "GET /c/<company>/findings": P.SEE_FINDINGS,
    f"GET {FINDING_C}": P.SEE_FINDINGS,
    f"POST {FINDING_C}": P.PROVE_REMEDIATION,
    f"POST {FINDING_C}/documents": P.MANAGE_EVIDENCE,
    f"GET {FINDING_C}/documents/<uuid:evidence>": P.SEE_FINDINGS,
    f"GET {REVIEW}": P.SEE_REVIEW,
    f"POST {REVIEW}/marks": P.REVIEW,
    f"POST {REVIEW}/notes": P.REVIEW,
    f"POST {REVIEW}/steps": P.REVIEW,
    f"GET {REVIEW}/unwritten": P.SEE_REVIEW,
    f"GET {REVIEW}/return": P.SEE_REVIEW,
    f"POST {REVIEW}/return": P.REVIEW,
    f"POST {REVIEW}/threads": P.REVIEW,
    f"POST {REVIEW}/threads/<uuid:enquiry>/close": P.REVIEW,
    f"POST {REVIEW}/return/withdraw": P.REVIEW,
    "GET /o/<organisation>/assessments": P.SEE_VENDORS,
    "GET /o/<organisation>/assessments.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/assessments.xlsx": P.SEE_VENDORS,
    f"GET {ASSESSMENT_O}": P.SEE_VENDORS,
    f"GET {ASSESSMENT_O}/answers": P.SEE_VENDORS,
    f"GET {ASSESSMENT_O}/result": P.SEE_VENDORS,
    f"GET {ASSESSMENT_O}/result.json": P.SEE_VENDORS,
    "GET /o/<organisation>/enquiries": P.SEE_VENDORS,
    "GET /o/<organisation>/enquiries.csv": P.SEE_VENDORS,
    "GET /o/<organisation>/enquiries.xlsx": P.SEE_VENDORS,
    f"GET {ASSESSMENT_O}/enquiries/<uuid:enquiry>": P.SEE_VENDORS,
    f"POST {ASSESSMENT_O}/enquiries/<uuid:enquiry>": P.CHANGE_ASSESSMENT,
    f"GET {ASSESSMENT_O}/change/<what>": P.CHANGE_ASSESSMENT,
    f"POST {ASSESSMENT_O}/change/<what>": P.CHANGE_ASSESSMENT,
    f"POST {ASSESSMENT_O}/resend": P.CHANGE_ASSESSMENT,
    "GET /o/<organisation>/questionnaires": P.SEE_QUESTIONNAIRES,
    "GET /o/<organisation>/drafts/new": P.AUTHOR,
    "POST /o/<organisation>/drafts/new": P.AUTHOR,
    f"GET {DRAFT}": P.SEE_FORESIGHT,
    f"GET {DRAFT}/preview": P.SEE_FORESIGHT,
    f"POST {DRAFT}/preview/question": P.AUTHOR,
    f"GET {DRAFT}/names": P.AUTHOR,
    f"GET {DRAFT}/header": P.AUTHOR,
    f"POST {DRAFT}/header": P.AUTHOR,
    f"POST {DRAFT}/sections": P.AUTHOR,
    f"GET {DRAFT}/sections/<section>": P.AUTHOR,
    f"POST {DRAFT}/sections/<section>": P.AUTHOR,
    f"POST {DRAFT}/sections/<section>/questions": P.AUTHOR,
    f"GET {DRAFT}/questions/<question>": P.AUTHOR,
    f"POST {DRAFT}/questions/<question>": P.AUTHOR,
    f"POST {DRAFT}/questions/<question>/own": P.AUTHOR,
    f"POST {DRAFT}/check": P.AUTHOR,
    f"POST {DRAFT}/move": P.AUTHOR,
    f"POST {DRAFT}/remove": P.AUTHOR,
    f"POST {DRAFT}/undo": P.AUTHOR,
    f"POST {DRAFT}/discard": P.AUTHOR,
    "GET /o/<organisation>/questionnaires/<slug>/<version>": P.SEE_QUESTIONNAIRES,
    "GET /o/<organisation>/questionnaires/<slug>/diff": P.SEE_QUESTIONNAIRES,
    "GET /o/<organisation>/questionnaires/<slug>/diff.json": P.SEE_QUESTIONNAIRES,
    "GET /o/<organisation>/drafts/<uuid:draft>/diff": P.SEE_FORESIGHT,
    "GET /o/<organisation>/drafts/<uuid:draft>/release": P.RELEASE,
    "POST /o/<organisation>/drafts/<uuid:draft>/release": P.RELEASE,
    "GET /o/<organisation>/drafts/<uuid:draft>/conflicts": P.SEE_FORESIGHT,
    "POST /o/<organisation>/drafts/<uuid:draft>/conflicts": P.AUTHOR,
    "POST /o/<organisation>/drafts/<uuid:draft>/merge": P.AUTHOR,
    "POST /o/<organisation>/questionnaires/<slug>/<version>/merge": P.AUTHOR,
    "POST /o/<organisation>/questionnaires/<slug>/<version>/retire": P.RELEASE,
    "POST /o/<organisation>/questionnaires/<slug>/<version>/bring-back": P.RELEASE,
    "GET /o/<organisation>/what-ifs": P.SEE_FORESIGHT,
    "GET /o/<organisation>/what-ifs/ask": P.AUTHOR,
    "POST /o/<organisation>/what-ifs/ask": P.AUTHOR,
    "GET /o/<organisation>/what-ifs/<uuid:run>": P.SEE_FORESIGHT,
    "GET /o/<organisation>/what-ifs/<uuid:run>.csv": P.SEE_FORESIGHT,
    "POST /o/<organisation>/what-ifs/<uuid:run>/stop": P.AUTHOR,
    "GET /o/<organisation>/questionnaires/<slug>/<version>/file.<form>": P.SEE_QUESTIONNAIRES,
    "GET /o/<organisation>/drafts/<uuid:draft>/file.<form>": P.SEE_FORESIGHT,
    "GET /o/<organisation>/questionnaires/import": P.AUTHOR,
    "POST /o/<organisation>/questionnaires/import": P.AUTHOR,
    "GET /o/<organisation>/events": P.SEE_EVENTS,
    "GET /o/<organisation>/events.csv": P.SEE_EVENTS,
    "GET /o/<organisation>/events.json": P.SEE_EVENTS,
    "GET /o/<organisation>/schedule": P.SEE_SCHEDULE,
    "GET /o/<organisation>/schedule.csv": P.SEE_SCHEDULE,
    "GET /o/<organisation>/schedule.xlsx": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar.csv": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar.xlsx": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar/foreseen": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar/foreseen.csv": P.SEE_SCHEDULE,
    "GET /o/<organisation>/calendar/foreseen.xlsx": P.SEE_SCHEDULE,
    "GET /c/<company>/calendar": P.SEE_COMPANY,
    "GET /account/calendar": P.ACCOUNT,
    "POST /account/calendar": P.ACCOUNT,
    "POST /account/calendar/<uuid:feed>/revoke": P.ACCOUNT,
    "GET /calendar/<token>.ics": None,
    "GET /o/<organisation>/members": P.SEE_MEMBERS,
    "POST /o/<organisation>/members/invite": P.MANAGE_MEMBERS,
    "GET /o/<organisation>/members/<uuid:person>/remove": P.MANAGE_MEMBERS,
    "POST /o/<organisation>/members/<uuid:person>/remove": P.MANAGE_MEMBERS,
    "POST /o/<organisation>/invitations/<uuid:invitation>/withdraw": P.MANAGE_MEMBERS,
    "GET /o/<organisation>/policy": P.SEE_POLICY,
    "GET /o/<organisation>/policy/versions/<int:sequence>": P.SEE_POLICY,
    "GET /o/<organisation>/policy/edit": P.MANAGE_POLICY,
    "POST /o/<organisation>/policy/edit": P.MANAGE_POLICY,
    "POST /o/<organisation>/policy/proposals/<uuid:proposal>": P.MANAGE_POLICY,
    "GET /o/<organisation>/settings": P.SEE_SETTINGS,
    "GET /o/<organisation>/erasures": P.ERASE,
    "GET /o/<organisation>/erasures/<uuid:erasure>": P.ERASE,
    "POST /o/<organisation>/erasures/<uuid:erasure>": P.ERASE,
    "GET /o/<organisation>/certificates/<uuid:certificate>": P.ERASE,
    "GET /o/<organisation>/certificates/<uuid:certificate>.json": P.ERASE,
    f"GET {ASSESSMENT_O}/erase": P.ERASE,
    f"POST {ASSESSMENT_O}/erase": P.ERASE,
    "GET /o/<organisation>/intakes/<uuid:intake>/erase": P.ERASE,
    "POST /o/<organisation>/intakes/<uuid:intake>/erase": P.ERASE,
    f"GET {VENDOR}/offboard": P.ERASE,
    f"POST {VENDOR}/offboard": P.ERASE,
    "GET /o/<organisation>/close": P.CLOSE_ORGANISATION,
    "POST /o/<organisation>/close": P.CLOSE_ORGANISATION,
    "POST /o/<organisation>/settings": P.MANAGE_SETTINGS,
    # company
    "GET /c/<company>/": P.SEE_COMPANY,
    "GET /c/<company>/events": P.SEE_COMPANY_EVENTS,
    "GET /c/<company>/events.csv": P.SEE_COMPANY_EVENTS,
    "GET /c/<company>/events.json": P.SEE_COMPANY_EVENTS,
    f"GET {ASSESSMENT_C}": P.SEE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/questions": P.SEE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/missing": P.SEE_ASSESSMENT,
    "GET /o/<organisation>/assessments/<uuid:assessment>/move": P.CHANGE_ASSESSMENT,
    "POST /o/<organisation>/assessments/<uuid:assessment>/move": P.CHANGE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/earlier": P.SEE_ASSESSMENT,
    f"POST {ASSESSMENT_C}/earlier": P.SUBMIT,
    f"GET {ASSESSMENT_C}/sections/<section>": P.SEE_QUESTIONS,
    f"POST {ASSESSMENT_C}/sections/<section>": P.ANSWER,
    f"POST {ASSESSMENT_C}/sections/<section>/answer": P.ANSWER,
    f"GET {ASSESSMENT_C}/workbook": P.SEE_QUESTIONS,
    f"POST {ASSESSMENT_C}/workbook": P.ANSWER,
    f"GET {ASSESSMENT_C}/workbook.xlsx": P.SEE_QUESTIONS,
    f"GET {ASSESSMENT_C}/workbook/<uuid:upload>": P.SEE_QUESTIONS,
    f"POST {ASSESSMENT_C}/workbook/<uuid:upload>": P.ANSWER,
    f"POST {ASSESSMENT_C}/workbook/<uuid:upload>/discard": P.ANSWER,
    f"GET {ASSESSMENT_C}/submit": P.SEE_ASSESSMENT,
    f"POST {ASSESSMENT_C}/submit": P.SUBMIT,
    f"GET {ASSESSMENT_C}/enquiries": P.SEE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/enquiries/question": P.ASK,
    f"POST {ASSESSMENT_C}/enquiries/question": P.ASK,
    f"GET {ASSESSMENT_C}/enquiries/<kind>": P.ASK_FOR_CHANGE,
    f"POST {ASSESSMENT_C}/enquiries/<kind>": P.ASK_FOR_CHANGE,
    f"POST {ASSESSMENT_C}/enquiries/<uuid:enquiry>/entries": P.ASK,
    f"POST {ASSESSMENT_C}/enquiries/<uuid:enquiry>/withdraw": P.ASK,
    f"GET {ASSESSMENT_C}/receipt": P.SEE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/answers": P.SEE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/result": P.SEE_ASSESSMENT,
    f"GET {ASSESSMENT_C}/result.json": P.SEE_ASSESSMENT,
    "GET /c/<company>/evidence": P.SEE_EVIDENCE,
    "GET /c/<company>/evidence.csv": P.SEE_EVIDENCE,
    "GET /c/<company>/evidence/new": P.MANAGE_EVIDENCE,
    "POST /c/<company>/evidence/new": P.MANAGE_EVIDENCE,
    f"GET {DOCUMENT}": P.SEE_EVIDENCE,
    f"GET {DOCUMENT}/file": P.SEE_EVIDENCE,
    f"GET {DOCUMENT}/edit": P.MANAGE_EVIDENCE,
    f"POST {DOCUMENT}/edit": P.MANAGE_EVIDENCE,
    f"GET {DOCUMENT}/remove": P.MANAGE_EVIDENCE,
    f"POST {DOCUMENT}/remove": P.MANAGE_EVIDENCE,
    f"GET {DOCUMENT}/replace": P.MANAGE_EVIDENCE,
    f"POST {DOCUMENT}/replace": P.MANAGE_EVIDENCE,
    f"GET {BESIDE}": P.SEE_QUESTIONS,
    f"POST {BESIDE}": P.ATTACH_EVIDENCE,
    f"POST {BESIDE}/attach": P.ATTACH_EVIDENCE,
    f"GET {BESIDE}/<uuid:evidence>": P.SEE_QUESTIONS,
    f"POST {BESIDE}/<uuid:evidence>/withdraw": P.ATTACH_EVIDENCE,
    f"GET {ASSESSMENT_O}/evidence/<uuid:evidence>": P.SEE_VENDORS,
    "GET /c/<company>/copy": P.TAKE_COPY,
    "GET /c/<company>/copy.zip": P.TAKE_COPY,
    f"GET {ASSESSMENT_C}/copy.html": P.TAKE_COPY,
    f"GET {ASSESSMENT_C}/copy.pdf": P.TAKE_COPY,
    "GET /c/<company>/erasures": P.CLOSE_COMPANY,
    "GET /c/<company>/erasures/<uuid:erasure>": P.CLOSE_COMPANY,
    "POST /c/<company>/erasures/<uuid:erasure>": P.CLOSE_COMPANY,
    "GET /c/<company>/certificates/<uuid:certificate>": P.CLOSE_COMPANY,
    "GET /c/<company>/certificates/<uuid:certificate>.json": P.CLOSE_COMPANY,
    "GET /c/<company>/close": P.CLOSE_COMPANY,
    "POST /c/<company>/close": P.CLOSE_COMPANY,
    "GET /c/<company>/team": P.SEE_COLLEAGUES,
    "POST /c/<company>/team/invite": P.MANAGE_COLLEAGUES,
    "GET /c/<company>/team/<uuid:person>/remove": P.MANAGE_COLLEAGUES,
    "POST /c/<company>/team/<uuid:person>/remove": P.MANAGE_COLLEAGUES,
    "POST /c/<company>/invitations/<uuid:invitation>/withdraw": P.MANAGE_COLLEAGUES,
    "GET /o/<organisation>/tokens": P.USE_API,
    "POST /o/<organisation>/tokens": P.USE_API,
    "POST /o/<organisation>/tokens/<uuid:made>/revoke": P.USE_API,
    "GET /o/<organisation>/tokens/all": P.MANAGE_TOKENS,
    "POST /o/<organisation>/tokens/all/<uuid:made>/revoke": P.MANAGE_TOKENS,
    f"GET {API}/": None,
    f"GET {API}/openapi.json": None,
    f"GET {API}/vendors": P.SEE_VENDORS,
    f"POST {API}/vendors": P.MANAGE_VENDORS,
    f"GET {API}/vendors/<uuid:vendor>": P.SEE_VENDORS,
    f"PATCH {API}/vendors/<uuid:vendor>": P.MANAGE_VENDORS,
    f"GET {API}/engagements": P.SEE_VENDORS,
    f"POST {API}/engagements": P.MANAGE_VENDORS,
    f"GET {API}/engagements/<uuid:engagement>": P.SEE_VENDORS,
    f"GET {API}/engagements/<uuid:engagement>/requirements": P.SEE_CONTRACT,
    f"GET {API}/engagements/<uuid:engagement>/gate": P.SEE_GATE,
    f"GET {API}/engagements/<uuid:engagement>/decisions": P.SEE_GATE,
    f"GET {API}/decisions/<uuid:decision>": P.SEE_GATE,
    f"GET {API}/assessments": P.SEE_VENDORS,
    f"POST {API}/assessments": P.ISSUE,
    f"GET {API}/assessments/<uuid:assessment>": P.SEE_VENDORS,
    f"GET {API}/assessments/<uuid:assessment>/submissions": P.SEE_VENDORS,
    f"GET {API}/submissions/<uuid:submission>": P.SEE_VENDORS,
    f"GET {API}/submissions/<uuid:submission>/answers": P.SEE_REVIEW,
    f"GET {API}/submissions/<uuid:submission>/ratings": P.SEE_VENDORS,
    f"GET {API}/ratings/<uuid:rating>": P.SEE_VENDORS,
    f"GET {API}/findings": P.SEE_REVIEW,
    f"GET {API}/findings/<uuid:finding>": P.SEE_REVIEW,
}
ORGANISATION_SIDE = {
    role for roles in TABLE.values() if roles for role in roles if isinstance(role, OrganisationRole)
}


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def routes(app: Portal) -> Iterator[tuple[str, Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in methods(rule):
            yield f"{method} {rule.rule}", rule, method


def filled(rule: Rule, place: Place | None) -> str:
    """The address with the place's slug and ids that nobody has."""
    values: dict[str, object] = {name: uuid.uuid4() for name in rule.arguments}
    values |= {
        "section": "nowhere",
        "question": "nothing.at.all",
        "token": "x" * 43,
        "slug": "nothing",
        "client": "nobody",
        "version": "9.9.9",
        "filename": "none.css",
        "sequence": 1,
    }
    if place is not None:
        values[place.side] = place.slug
    path = rule.rule
    for name in rule.arguments:
        for shape in (f"<uuid:{name}>", f"<path:{name}>", f"<int:{name}>", f"<{name}>"):
            path = path.replace(shape, str(values[name]))
    assert "<" not in path, path
    return path


def test_the_routes_are_exactly_these(app: Portal) -> None:
    assert {name for name, _rule, _method in routes(app)} == set(ROUTES)


def test_every_route_is_marked_with_what_this_table_says(app: Portal) -> None:
    found = {
        name: mark_of(app, rule.endpoint, method, rule.arguments).permission
        for name, rule, method in routes(app)
    }
    assert found == ROUTES


def test_a_route_stands_on_the_side_of_its_permission(app: Portal) -> None:
    for name, rule, method in routes(app):
        mark = mark_of(app, rule.endpoint, method, rule.arguments)
        roles = TABLE[mark.permission] if mark.permission is not None else None
        on_organisation = roles is not None and set(roles) <= ORGANISATION_SIDE
        side = None if roles is None else "organisation" if on_organisation else "company"
        assert mark.by_token == (rule.rule.startswith(API) and side is not None), name
        if mark.by_token:  # a token names its organisation; a company has none
            assert side == "organisation", name
            continue
        assert mark.side == side, name
        start = {"organisation": "/o/<organisation>/", "company": "/c/<company>/", None: "/"}[side]
        assert rule.rule.startswith(start), name
        assert side is not None or not rule.rule.startswith(("/o/", "/c/")), name


# Asked by a service, beside the permission of the route that leads to it.
WITHIN = {
    P.PLAN_REMEDIATION: "the page of a finding takes plan and proof; only an owner of the company plans",
}


def test_every_permission_has_a_row_and_one_side() -> None:
    assert set(TABLE) == set(Permission)
    for permission, roles in TABLE.items():
        kinds = {type(role) for role in roles or ()}
        assert len(kinds) == (0 if roles is None else 1), permission
    used = {permission for permission in ROUTES.values() if permission}
    assert used | set(WITHIN) == set(Permission), "no permission without use"
    assert not used & set(WITHIN)


def test_auditors_change_nothing() -> None:
    changing = {
        ROUTES[name]
        for name in ROUTES
        if name.startswith(("POST", "PATCH"))
        # a token of an auditor reads: none of its scopes changes anything
        if ROUTES[name] not in (None, P.ACCOUNT, P.SESSION, P.USE_API)
    }
    for permission in changing:
        assert permission is not None
        assert OrganisationRole.AUDITOR not in (TABLE[permission] or ()), permission


def test_an_unmarked_route_cannot_be_served(app: Portal) -> None:
    with pytest.raises(LookupError):
        mark_of(_with_unmarked(app), "unmarked", "GET", ())


def _with_unmarked(app: Portal) -> Portal:
    app.view_functions["unmarked"] = lambda: "never"
    return app


# --------------------------------------------------------------------------------- routes x roles x methods, walked


@pytest.fixture
def places(database: Database, settings: Settings) -> tuple[Place, Place, Place, Place]:
    return (
        make_organisation(database, settings, "Alder"),
        make_organisation(database, settings, "Birch"),
        make_company(database, settings, "Cedar"),
        make_company(database, settings, "Dogwood"),
    )


def _send(browser: Browser, method: str, path: str, token: str) -> int:
    if method == "GET":
        return browser.client.get(path).status_code
    return browser.client.open(path, method=method, data={"csrf_token": token}).status_code


def test_every_role_reaches_what_the_table_grants_and_nothing_else(
    app: Portal, places: tuple[Place, Place, Place, Place]
) -> None:
    alder, birch, cedar, dogwood = places
    wrong = []
    for place, other, foreign in ((alder, birch, cedar), (cedar, dogwood, alder)):
        for role, identity in place.people.items():
            browser = signed_in(app, identity)
            token = browser.token()
            for name, rule, method in routes(app):
                permission = ROUTES[name]
                side = "organisation" if "organisation" in rule.arguments else "company"
                if permission in (None, P.ACCOUNT, P.SESSION) or not {"organisation", "company"} & set(
                    rule.arguments
                ):
                    continue
                assert permission is not None
                if side == place.side:
                    granted = role in (TABLE[permission] or ())
                    status = _send(browser, method, filled(rule, place), token)
                    if granted and (status in (401, 403) or status >= 500):
                        wrong.append(f"{role.value}: {name} gave {status} though granted")
                    if not granted and status != 403:
                        wrong.append(f"{role.value}: {name} gave {status} though not granted")
                    theirs = filled(rule, other)
                else:
                    theirs = filled(rule, foreign)
                if (status := _send(browser, method, theirs, token)) != 404:
                    wrong.append(f"{role.value}: {name} of another tenant gave {status}")
    assert wrong == []


def test_nobody_is_asked_to_sign_in(app: Portal, places: tuple[Place, Place, Place, Place]) -> None:
    """Whether the tenant exists or not: before sign-in both look alike."""
    alder, _birch, cedar, _dogwood = places
    browser = Browser(app.test_client())
    token = browser.token("/sign-in")
    for name, rule, method in routes(app):
        permission = ROUTES[name]
        if permission is None:
            continue
        for place in (alder, cedar, Place(uuid.uuid4(), "nowhere-123456", "", alder.side)):
            values = place if place.side in rule.arguments else None
            status = _send(browser, method, filled(rule, values), token)
            to_sign_in = method == "GET" and not rule.rule.startswith(API)
            assert status == (303 if to_sign_in else 401), f"{name} gave {status}"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "HEAD", "PROPFIND"])
def test_other_methods_change_nothing_and_reveal_nothing(
    app: Portal, places: tuple[Place, Place, Place, Place], method: str
) -> None:
    alder, birch, _cedar, _dogwood = places
    browser = signed_in(app, alder[OrganisationRole.ADMIN])
    for _name, rule, _method in routes(app):
        answer = browser.client.open(filled(rule, birch), method=method)
        assert answer.status_code < 500 or rule.rule == "/healthz"  # no worker here
        assert birch.name not in answer.text


def test_identities_carry_at_most_one_tenant(places: tuple[Place, Place, Place, Place]) -> None:
    for place in places:
        for identity in place.people.values():
            assert isinstance(identity, Identity)
            assert (identity.organisation is None) != (identity.company is None)


def test_a_removed_person_is_out_at_once(
    app: Portal, database: Database, places: tuple[Place, Place, Place, Place]
) -> None:
    alder = places[0]
    leaver, admin = (
        signed_in(app, alder[OrganisationRole.CISO]),
        signed_in(app, alder[OrganisationRole.ADMIN]),
    )
    page = f"/o/{alder.slug}/members"
    assert leaver.get(page).status_code == 200
    gone = alder[OrganisationRole.CISO].person.id
    assert admin.post(f"/o/{alder.slug}/members/{gone}/remove").status_code == 303
    assert leaver.get(page).status_code == 404


def test_company_roles_and_organisation_roles_do_not_overlap() -> None:
    assert {one.value for one in OrganisationRole} & {one.value for one in CompanyRole} == set()
