"""Which assessments a person of the company sees at all: owners all, others those that they were given a part of."""

from __future__ import annotations

import json

from sqlalchemy import ColumnElement, String, cast, select

from portal.access import CompanyRole, Identity, mine
from portal.assessments.models import Assessment, Delegation

WHOLE = ("*",)  # the keys of a delegation of the whole assessment; no keys are nothing


def seen(identity: Identity, *, whole: bool = False) -> list[ColumnElement[bool]]:
    """What a SELECT of Assessment adds for this identity; ``whole``: only assessments that it sees all questions of.

    Owners and organisations: nothing. Contributors: what they were added to. A link: its own, until it is revoked.
    """
    if identity.role is CompanyRole.CONTRIBUTOR:
        given = select(Delegation.id).where(
            Delegation.assessment_id == Assessment.id,
            Delegation.person_id == identity.person.id,
            Delegation.token_hash.is_(None),
            Delegation.revoked_at.is_(None),
            *mine(identity.scope, Delegation),
        )
    elif identity.role is CompanyRole.DELEGATE:
        assert identity.delegated is not None
        given = select(Delegation.id).where(
            Delegation.assessment_id == Assessment.id,
            Delegation.id == identity.delegated.id,
            Delegation.revoked_at.is_(None),
            *mine(identity.scope, Delegation),
        )
    else:
        return []
    return [(given.where(cast(Delegation.keys, String) == json.dumps(WHOLE)) if whole else given).exists()]
