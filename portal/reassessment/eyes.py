"""Who looks at what is due: the worker at everything, a person at what is theirs; and columns that all kinds share."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    String,
    Time,
    Uuid,
    cast,
    exists,
    literal,
    null,
    select,
)

from portal.access import Identity, mine
from portal.assessments import given
from portal.assessments.models import AssessmentEngagement
from portal.db import Scope
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor


@dataclass(frozen=True, slots=True)
class Eyes:
    """``identity`` None: the worker, who looks at all tenants in a session of the system's own; or, with ``only``, at
    one organisation for whoever asks what the worker will do there.

    ``owner``: only what belongs to the engagements of this business owner, for somebody who sees all of them.
    """

    identity: Identity | None
    owner: uuid.UUID | None = None
    only: uuid.UUID | None = None

    def of(self, *models: Any) -> list[ColumnElement[bool]]:
        """What keeps each of these tables inside the tenant."""
        if self.only is not None:
            return mine(Scope(organisation_id=self.only), *models)
        return [] if self.identity is None else mine(self.identity.scope, *models)

    @property
    def narrowed(self) -> bool:
        """Whether only the engagements of one business owner are seen."""
        return self.identity is not None and (self.owner is not None or vendors.is_narrowed(self.identity))

    def engagements(self) -> list[ColumnElement[bool]]:
        """For a statement that joins Engagement."""
        if self.identity is None:
            return []
        found = vendors.own_engagements(self.identity)
        return found if self.owner is None else [*found, Engagement.business_owner_id == self.owner]

    def assessment(self, column: Any) -> list[ColumnElement[bool]]:
        """For a statement over Assessment, ``column`` its id: it covers an engagement that is seen, and people of a
        company who were given a part of it see no other.
        """
        if self.identity is None:
            return []
        if not self.narrowed:
            return given.seen(self.identity)
        return [
            exists().where(
                AssessmentEngagement.assessment_id == column,
                Engagement.id == AssessmentEngagement.engagement_id,
                *self.of(AssessmentEngagement),
                *self.engagements(),
            )
        ]

    def vendors(self) -> list[ColumnElement[bool]]:
        """For a statement that joins Vendor and no engagement."""
        if self.identity is None:
            return []
        found = vendors.own_vendors(self.identity)
        if self.owner is None:
            return found
        return [*found, exists().where(Engagement.vendor_id == Vendor.id, *self.engagements())]


def columns(
    kind: str,
    source: Any,
    *,
    organisation_id: Any,
    since: Any,
    zone: Any,
    tier: Any,
    due: Any = None,
    due_time: Any = None,
    company_id: Any = None,
    vendor_id: Any = None,
    engagement_id: Any = None,
    code: Any = "",
    number: Any = 0,
) -> Select[Any]:
    """A statement with agenda.COLUMNS; what is left out is NULL of its own type, so that kinds can be united."""

    def typed(value: Any, kind_of: Any) -> Any:
        if value is None:
            return cast(null(), kind_of)
        return literal(value, kind_of) if isinstance(value, (str, int, date, time, datetime)) else value

    return select(
        literal(kind, String).label("kind"),
        source.label("source"),
        organisation_id.label("organisation_id"),
        typed(company_id, Uuid()).label("company_id"),
        typed(vendor_id, Uuid()).label("vendor_id"),
        typed(engagement_id, Uuid()).label("engagement_id"),
        typed(due, Date()).label("due"),
        typed(due_time, Time()).label("due_time"),
        since.label("since"),
        zone.label("zone"),
        typed(tier, String()).label("tier"),
        typed(code, String()).label("code"),
        typed(number, Integer()).label("number"),
    )
