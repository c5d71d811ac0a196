"""How often something may be tried: counters by address and by client, hashed, for a quarter of an hour each."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.accounts.models import Throttle
from portal.accounts.service import address_key
from portal.faults import Throttled

WINDOW = timedelta(minutes=15)
PER_ADDRESS, PER_CLIENT = 10, 60


def throttle_keys(purpose: str, address: str, client: str) -> dict[str, int]:
    """The counters of an attempt, hashed so that the table holds no addresses, and how far each may go."""
    return {
        throttle_key(purpose, "address", address_key(address)): PER_ADDRESS,
        throttle_key(purpose, "client", network_of(client)): PER_CLIENT,
    }


def network_of(client: str) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address (RFC 6177); other text as it is."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def throttle_key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def check_throttle(
    session: Session, keys: dict[str, int], *, now: datetime, advice: str = "or set a new password."
) -> None:
    """Raise Throttled when one of the counters is full; read only. ``advice``: what else the person may do."""
    rows = session.execute(select(Throttle).where(Throttle.key.in_(keys))).scalars()
    for row in rows:
        # A window that begins later than now was opened before the clock was put right: it is over.
        if row.attempts >= keys[row.key] and timedelta(0) <= now - row.window_start < WINDOW:
            wait = int((row.window_start + WINDOW - now).total_seconds()) + 1
            minutes = -(-wait // 60)
            raise Throttled(f"Too many attempts. Try again in {minutes} minutes, {advice}", wait)


def count_attempt(session: Session, keys: dict[str, int], *, now: datetime) -> None:
    """One more attempt on each counter; a new window begins when the old one is over.

    Counted by the database: of attempts at the same instant none is lost.
    """
    over = or_(Throttle.window_start <= now - WINDOW, Throttle.window_start > now)
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(Throttle).on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((over, 1), else_=Throttle.attempts + 1),
                "window_start": case((over, now), else_=Throttle.window_start),
            },
        ),
        [{"key": key, "window_start": now, "attempts": 1} for key in sorted(keys)],
    )


def claim_attempt(session: Session, keys: dict[str, int], *, now: datetime, advice: str) -> None:
    """Count an attempt before it is made, and raise Throttled when it is one too many.

    The counters are locked by the count itself: of many attempts at the same instant no more get through than may.
    """
    check_throttle(session, keys, now=now, advice=advice)
    count_attempt(session, keys, now=now)
    rows = session.execute(
        select(Throttle).where(Throttle.key.in_(keys)).execution_options(populate_existing=True)
    ).scalars()
    if any(row.attempts > keys[row.key] for row in rows):
        raise Throttled(f"Too many attempts. {advice}", int(WINDOW.total_seconds()))


def clear_throttle(session: Session, purpose: str, address: str) -> None:
    """Begin anew for one address. The client's counter stays: else one's own account would reset it for guesses at
    other people's."""
    session.execute(
        delete(Throttle).where(Throttle.key == throttle_key(purpose, "address", address_key(address)))
    )
