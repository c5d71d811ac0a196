"""The features that have pages, in import order."""

from __future__ import annotations

from portal import health
from portal.accounts import views as accounts
from portal.assessments import joining_views as joining
from portal.organisations import views as organisations

VIEWS = (health, accounts, organisations, joining)
