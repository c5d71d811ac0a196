"""Requests that named themselves (Idempotency-Key): what they made, kept for a day beside their token."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.organisations.token_models import ApiRequest
from portal.organisations.tokens import REMEMBERED


def claim(
    session: Session, identity: Identity, key: str, request_hash: bytes, *, now: datetime
) -> ApiRequest | None:
    """Take the key for this request of the identity's token; None when it is ours now, else what holds it.

    Row and effect are committed together: of two requests at the same instant the second waits for the first.
    """
    assert identity.organisation is not None
    row = ApiRequest(
        token_id=identity.session_id,
        key=key,
        organisation_id=identity.organisation.id,
        request_hash=request_hash,
        status=0,
        kind="",
        subject_id=None,
        at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        held = _held(session, identity, key)
        if held.at > now - REMEMBERED:
            return held
        held.request_hash, held.status, held.subject_id, held.at = request_hash, 0, None, now
        session.flush()
    return None


def settle(
    session: Session, identity: Identity, key: str, *, status: int, kind: str, subject_id: uuid.UUID
) -> None:
    """Note what the request that holds the key has made."""
    held = _held(session, identity, key)
    held.status, held.kind, held.subject_id = status, kind, subject_id
    session.flush()


def _held(session: Session, identity: Identity, key: str) -> ApiRequest:
    found: ApiRequest = session.execute(
        scoped(identity, ApiRequest).where(ApiRequest.token_id == identity.session_id, ApiRequest.key == key)
    ).scalar_one()
    return found
