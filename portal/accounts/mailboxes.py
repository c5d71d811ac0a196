"""Which mailboxes a person has had: two accounts that read the same mail are one pair of eyes.

An address is folded to its mailbox, and kept only as a keyed hash (``keyed``). The present address stands in the
person's row; what lies in the table is every one that was ever left, and what it was left for: nobody changes to
another address, acts, and changes back.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import PersonMailbox, PersonRow

PURPOSE = "mailbox"
# Domains of one provider, as the one that stands for them.
SAME_DOMAIN = {"googlemail.com": "gmail.com"}
# Providers that deliver whatever the dots before the @. At Google's paid domains they count.
# Source: https://support.google.com/mail/answer/7436150
DOTS_IGNORED = frozenset({"gmail.com"})


def fold(address: str) -> str:
    """The mailbox behind an address: casefolded, without what follows a plus, and without dots where they mean nothing.

    RFC 5233 leaves the plus to each server; where one takes it for a letter, two people are taken for one and a third
    has to be asked: that is the safe side.
    """
    local, _at, domain = address.strip().casefold().rpartition("@")
    domain = SAME_DOMAIN.get(domain, domain)
    local = local.partition("+")[0] or local
    if domain in DOTS_IGNORED:
        local = local.replace(".", "")
    return f"{local}@{domain}"


def remember(session: Session, person_id: uuid.UUID, addresses: Collection[str], *, now: datetime) -> None:
    """Keep what an address change leaves and what it leads to. The caller holds the person's row locked."""
    known = set(
        session.scalars(select(PersonMailbox.mailbox).where(PersonMailbox.person_id == person_id)).all()
    )
    for mailbox in sorted({keyed(session, PURPOSE, fold(one)) for one in addresses} - known):
        session.add(PersonMailbox(id=uuid.uuid4(), person_id=person_id, mailbox=mailbox, since=now))


def held(
    session: Session, people: Collection[uuid.UUID], *, lock: bool = True
) -> dict[uuid.UUID, frozenset[bytes]]:
    """Every mailbox that each of these people has or had. ``lock``: their rows, in the order of their ids, against a
    change of address until the transaction ends.
    """
    found: dict[uuid.UUID, set[bytes]] = {one: set() for one in people}
    statement = (
        select(PersonRow.id, PersonRow.email).where(PersonRow.id.in_(list(people))).order_by(PersonRow.id)
    )
    present = session.execute(statement.with_for_update(read=True) if lock else statement)
    for person_id, email in present:
        found[person_id].add(keyed(session, PURPOSE, fold(email)))
    former = select(PersonMailbox.person_id, PersonMailbox.mailbox).where(
        PersonMailbox.person_id.in_(list(people))
    )
    for person_id, mailbox in session.execute(former):
        found[person_id].add(mailbox)
    return {one: frozenset(boxes) for one, boxes in found.items()}


def keyed(session: Session, purpose: str, text: str) -> bytes:
    """32 bytes that stand for ``text``: HMAC-SHA-256 under a key of the installation's, one for each purpose.

    Equal texts have equal bytes, and a copy of the database alone does not tell whose they are.
    """
    secret = str(session.info["secret_key"])
    if not secret:
        raise RuntimeError("this database was opened without the installation's key")
    key = hmac.digest(secret.encode(), f"portal:{purpose}".encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256")
