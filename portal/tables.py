"""Every mapped table, imported in one place for migrations, guard tests and start-up."""

from __future__ import annotations

from portal import outbox
from portal.accounts import models as accounts
from portal.accounts import passkey_models as passkeys
from portal.assessments import models as assessments
from portal.assessments import round_models as rounds
from portal.assessments import version_models as versions
from portal.audit import models as audit
from portal.campaigns import models as campaigns
from portal.contracts import models as contracts
from portal.contracts import schedule_models as schedule
from portal.db import Base
from portal.erasure import models as erasure
from portal.evidence import models as evidence
from portal.findings import models as findings
from portal.gate import models as gate
from portal.gate import standing_models as standings
from portal.intake import models as intake
from portal.library import models as library
from portal.organisations import models as organisations
from portal.organisations import sso_models as sso
from portal.organisations import token_models as tokens
from portal.organisations import view_models as views
from portal.portfolio import models as portfolio
from portal.reassessment import models as reassessment
from portal.reassessment import models_feeds as feeds
from portal.reassessment import models_post as post
from portal.reassessment import models_runs as runs
from portal.reassessment import models_terms as terms
from portal.reassessment import models_triggers as triggers
from portal.review import models as review
from portal.vendors import models as vendors
from portal.webhooks import models as webhooks

FEATURES = (
    outbox,
    audit,
    accounts,
    passkeys,
    organisations,
    sso,
    tokens,
    views,
    library,
    vendors,
    evidence,
    assessments,
    rounds,
    versions,
    intake,
    review,
    findings,
    contracts,
    schedule,
    gate,
    standings,
    portfolio,
    reassessment,
    triggers,
    terms,
    campaigns,
    feeds,
    post,
    runs,
    webhooks,
    erasure,
)
metadata = Base.metadata
