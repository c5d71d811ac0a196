"""The browsers that are signed in as a person: to look at, and to sign out."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.accounts.models import LoginSession
from portal.accounts.service import ABSOLUTE, IDLE, about
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import NotFound

MOST_SHOWN = 100
# What a browser calls itself -> its name. Others call themselves Chrome or Safari as well, so the order decides.
BROWSERS = (
    (r"\bEdgA?/|\bEdgiOS/", "Edge"),
    (r"\bOPR/|\bOpera", "Opera"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\bVivaldi/", "Vivaldi"),
    (r"\bFirefox/|\bFxiOS/", "Firefox"),
    (r"\bCriOS/|\bChrom(e|ium)/", "Chrome"),
    (r"\bVersion/[\d.]+ .*Safari/", "Safari"),
    (r"^curl/", "curl"),
    (r"(?i)^python|^Werkzeug", "a program"),
)
SYSTEMS = (
    (r"\biPhone\b", "an iPhone"),
    (r"\biPad\b", "an iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bMac OS X\b|\bMacintosh\b", "a Mac"),
    (r"\bLinux\b|\bX11\b", "Linux"),
)


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """One session as its person sees it. ``half``: the password was given there, and no code yet."""

    id: uuid.UUID
    words: str
    client: str
    since: datetime
    seen: datetime
    here: bool
    half: bool


def words_of(agent: str) -> str:
    """``Firefox on Windows``: a guess from what the browser calls itself, which may be a lie."""
    browser = next((name for pattern, name in BROWSERS if re.search(pattern, agent)), "")
    system = next((name for pattern, name in SYSTEMS if re.search(pattern, agent)), "")
    if browser and system:
        return f"{browser} on {system}"
    if browser or system:
        return browser.capitalize() if browser == "a program" else browser or f"A browser on {system}"
    return "An unknown browser"


def listed(session: Session, identity: Identity, *, now: datetime, has_factor: bool) -> list[SignedInBrowser]:
    """The person's sessions that are not over, this one first, then the last used."""
    rows = session.execute(
        select(LoginSession)
        .where(
            LoginSession.person_id == identity.person.id,
            LoginSession.delegation_id.is_(None),
            LoginSession.revoked_at.is_(None),
            LoginSession.seen_at > now - IDLE,
            LoginSession.created_at > now - ABSOLUTE,
        )
        .order_by(LoginSession.seen_at.desc(), LoginSession.id)
        .limit(MOST_SHOWN)
    ).scalars()
    found = [
        SignedInBrowser(
            one.id,
            words_of(one.agent),
            one.client,
            one.created_at,
            one.seen_at,
            one.id == identity.session_id,
            has_factor and one.verified_at is None,
        )
        for one in rows
    ]
    return sorted(found, key=lambda one: not one.here)


def revoke(session: Session, identity: Identity, session_id: uuid.UUID, *, now: datetime) -> None:
    """Sign one of the person's browsers out; NotFound for a session of somebody else. A second press does nothing."""
    row = session.execute(
        select(LoginSession).where(
            LoginSession.id == session_id, LoginSession.person_id == identity.person.id
        )
    ).scalar_one_or_none()
    if row is None:
        raise NotFound
    if row.revoked_at is None:
        row.revoked_at = now
        record(
            session,
            Kind.SESSION_REVOKED,
            now=now,
            actor=identity,
            subject=about(identity.person.id),
            data={"session": session_id},
        )


def revoke_others(session: Session, identity: Identity, *, now: datetime) -> int:
    """Sign out every browser but this one; returns how many there were."""
    gone = session.execute(
        update(LoginSession)
        .where(
            LoginSession.person_id == identity.person.id,
            LoginSession.id != identity.session_id,
            LoginSession.delegation_id.is_(None),
            LoginSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(LoginSession.id)
        .execution_options(synchronize_session=False)
    ).all()
    record(
        session,
        Kind.SESSION_REVOKED,
        now=now,
        actor=identity,
        subject=about(identity.person.id),
        data={"others": len(gone)},
    )
    return len(gone)
