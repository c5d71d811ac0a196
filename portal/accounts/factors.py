"""The second factor: one-time codes by time (RFC 6238), and recovery codes for who has lost phone or passkeys.

A passkey is a second factor too (passkeys.py): ``is_on`` is the one rule; codes and passkeys stand beside each other.

The secret is stored encrypted (AES-256-GCM) and recovery codes are stored as keyed hashes; both keys follow from the
installation's secret key (HKDF), so that a copy of the database alone opens nothing.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, Person
from portal.accounts.models import LoginSession, PersonRow, RecoveryCode, SecondFactor
from portal.accounts.passkey_models import Passkey
from portal.accounts.service import about, new_token, token_hash
from portal.accounts.throttles import clear_throttle, throttle_key
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope, base_url, enter
from portal.faults import Conflict, Invalid, NotFound
from portal.settings import Settings

log = logging.getLogger("portal.accounts")

PURPOSE = "second-factor"
ISSUER = "Vendor Risk Portal"
STEP_SECONDS = 30
DRIFT = 1  # steps that a phone's clock may be wrong, either way
SETUP_LASTS = timedelta(minutes=15)
NONCE = 12
RECOVERY_CODES = 10
GROUPS, GROUP = 4, 4  # of a recovery code: 80 bits
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: without i, l, o, u
LOOKALIKES = str.maketrans("ilo", "110")
PER_PERSON = 5  # codes that may be tried in a window; a thief's chance is then one in 60,000
WRONG = "This code is not right, or it has been used. Wait for the next one and type that."


@dataclass(frozen=True, slots=True)
class Setup:
    """What an authenticator app needs: the key to type (groups of four) and the address behind the QR code."""

    key: str
    uri: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One-time codes since when, if at all; how many recovery codes are left; how many passkeys there are."""

    since: datetime | None
    left: int
    passkeys: int = 0

    @property
    def codes(self) -> bool:
        return self.since is not None

    @property
    def on(self) -> bool:
        return self.codes or self.passkeys > 0


# --------------------------------------------------------------------------------------------------------- keys


def derived_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"portal:{purpose}".encode())
    return derive.derive(settings.secret_key.encode())


def _encrypted(settings: Settings, person_id: uuid.UUID, secret: str) -> bytes:
    """Nonce and ciphertext; bound to the person, so that a row cannot be moved to somebody else."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(derived_key(settings, "second-factor")).encrypt(
        nonce, secret.encode(), person_id.bytes
    )


def _decrypted(settings: Settings, row: SecondFactor) -> str | None:
    """The secret; None when the installation's key is another one by now: recovery codes are the way in then."""
    try:
        plain = AESGCM(derived_key(settings, "second-factor")).decrypt(
            row.secret[:NONCE], row.secret[NONCE:], row.person_id.bytes
        )
    except InvalidTag:
        log.error("a second factor cannot be read: the secret key is not the one that it was made with")
        return None
    return plain.decode()


def _recovery_hash(settings: Settings, person_id: uuid.UUID, code: str) -> bytes:
    plain = "".join(c for c in code.casefold().translate(LOOKALIKES) if c in ALPHABET)
    return hmac.digest(derived_key(settings, "recovery-code"), person_id.bytes + plain.encode(), "sha256")


# ----------------------------------------------------------------------------------------------------- standing


def is_on(session: Session, person_id: uuid.UUID) -> bool:
    """Whether this person has a second factor: confirmed one-time codes or a passkey."""
    passkey = select(Passkey.id).where(Passkey.person_id == person_id)
    return codes_on(session, person_id) or session.execute(passkey.limit(1)).first() is not None


def codes_on(session: Session, person_id: uuid.UUID) -> bool:
    """Whether this person has confirmed one-time codes."""
    found = select(SecondFactor.id).where(
        SecondFactor.person_id == person_id, SecondFactor.confirmed_at.is_not(None)
    )
    return session.execute(found).first() is not None


def standing(session: Session, person_id: uuid.UUID) -> Standing:
    """In three statements."""
    since = session.execute(
        select(SecondFactor.confirmed_at).where(SecondFactor.person_id == person_id)
    ).scalar_one_or_none()
    passkeys = session.scalar(select(func.count()).select_from(Passkey).where(Passkey.person_id == person_id))
    return Standing(since, codes_left(session, person_id), passkeys or 0)


def codes_left(session: Session, person_id: uuid.UUID) -> int:
    return session.execute(
        select(func.count())
        .select_from(RecoveryCode)
        .where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    ).scalar_one()


def _row(session: Session, person_id: uuid.UUID, *, confirmed: bool) -> SecondFactor | None:
    """Locked: of two codes at the same instant the second waits and sees what the first has used."""
    met = SecondFactor.confirmed_at.is_not(None) if confirmed else SecondFactor.confirmed_at.is_(None)
    return session.execute(
        select(SecondFactor)
        .where(SecondFactor.person_id == person_id, met)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


# ------------------------------------------------------------------------------------------------------- set-up


def start(session: Session, settings: Settings, person: Person, *, now: datetime) -> None:
    """A fresh secret that waits for its first code; one that waited before is thrown away.

    Two tabs that start at once take turns by the person's row: the later one's secret is what waits.
    """
    session.execute(select(PersonRow.id).where(PersonRow.id == person.id).with_for_update())
    if codes_on(session, person.id):
        raise Conflict("You have one-time codes already. Remove them before you set up others.")
    session.execute(delete(SecondFactor).where(SecondFactor.person_id == person.id))
    row = SecondFactor(
        id=uuid.uuid4(),
        person_id=person.id,
        secret=_encrypted(settings, person.id, pyotp.random_base32()),
        created_at=now,
        last_step=0,
    )
    session.add(row)
    record(session, Kind.FACTOR_STARTED, now=now, actor=person, subject=about(person.id))


def waiting(session: Session, settings: Settings, person: Person, *, now: datetime) -> Setup | None:
    """What the app is to be given, for a quarter of an hour after the start; None when nothing waits."""
    row = session.execute(
        select(SecondFactor).where(
            SecondFactor.person_id == person.id,
            SecondFactor.confirmed_at.is_(None),
            SecondFactor.created_at > now - SETUP_LASTS,
        )
    ).scalar_one_or_none()
    secret = _decrypted(settings, row) if row is not None else None
    if secret is None:
        return None
    key = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return Setup(key, pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=ISSUER))


def confirm(
    session: Session, settings: Settings, identity: Identity, code: str, *, now: datetime
) -> list[str]:
    """The first code proves that the app works. Returns the recovery codes, which are shown this once.

    Every other browser of the person is signed out; this one counts as verified. Raises Invalid for a wrong code.
    """
    person = identity.person
    row = _row(session, person.id, confirmed=False)
    if row is None or row.created_at <= now - SETUP_LASTS:
        raise Conflict("There is nothing to confirm any more. Begin again.")
    step = _step_of(settings, row, code, now=now)
    if step is None:
        raise Invalid(errors={"code": WRONG})
    row.confirmed_at, row.last_step = now, step
    session.execute(
        update(LoginSession)
        .where(
            LoginSession.person_id == person.id,
            LoginSession.id != identity.session_id,
            LoginSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    session.execute(
        update(LoginSession).where(LoginSession.id == identity.session_id).values(verified_at=now)
    )
    record(session, Kind.FACTOR_SET, now=now, actor=identity, subject=about(person.id))
    return new_recovery_codes(session, settings, person, now=now)


def new_recovery_codes(session: Session, settings: Settings, person: Person, *, now: datetime) -> list[str]:
    """Ten fresh codes in place of all earlier ones; only their hashes are kept."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
    letters = [
        "".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP)) for _ in range(RECOVERY_CODES)
    ]
    codes = ["-".join(one[at : at + GROUP] for at in range(0, len(one), GROUP)) for one in letters]
    session.add_all(
        RecoveryCode(
            id=uuid.uuid4(),
            person_id=person.id,
            code_hash=_recovery_hash(settings, person.id, code),
            created_at=now,
        )
        for code in codes
    )
    record(session, Kind.RECOVERY_CODES_MADE, now=now, actor=person, subject=about(person.id))
    return codes


# --------------------------------------------------------------------------------------------------------- codes


def throttle(person_id: uuid.UUID) -> dict[str, int]:
    """The counter of codes tried for this person. It is claimed before a code is looked at: see claim_attempt."""
    return {throttle_key(PURPOSE, "address", str(person_id)): PER_PERSON}


def clear(session: Session, person_id: uuid.UUID) -> None:
    """A right code ends the count."""
    clear_throttle(session, PURPOSE, str(person_id))


def _step_of(settings: Settings, row: SecondFactor, code: str, *, now: datetime) -> int | None:
    """The time step that ``code`` belongs to, if it is newer than any that was used; else None."""
    digits = "".join(code.split())
    secret = _decrypted(settings, row)
    if secret is None or len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    here = int(now.timestamp()) // STEP_SECONDS
    fitting = [
        step
        for step in range(here - DRIFT, here + DRIFT + 1)
        if hmac.compare_digest(totp.generate_otp(step), digits)
    ]
    return next((step for step in fitting if step > row.last_step), None)


def use(session: Session, settings: Settings, person: Person, code: str, *, now: datetime) -> int | None:
    """Take a one-time code or a recovery code. Returns how many recovery codes are left if one was used, else None.

    Raises Invalid for a code that is wrong or used, NotFound when the person has no second factor.
    """
    row = _row(session, person.id, confirmed=True)
    if row is None and not is_on(session, person.id):
        raise NotFound
    step = _step_of(settings, row, code, now=now) if row is not None else None
    if row is not None and step is not None:
        row.last_step = step
        record(session, Kind.FACTOR_SHOWN, now=now, actor=person, subject=about(person.id))
        return None
    consumed = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.person_id == person.id,
            RecoveryCode.code_hash == _recovery_hash(settings, person.id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    ).first()
    if consumed is None:
        raise Invalid(errors={"code": WRONG})
    record(session, Kind.RECOVERY_CODE_USED, now=now, actor=person, subject=about(person.id))
    left = codes_left(session, person.id)
    tell(session, person, now=now, what="A recovery code of your account was used", left=left)
    return left


def verify_session(
    session: Session, identity: Identity, *, now: datetime, agent: str = "", client: str = ""
) -> str:
    """The half session becomes a whole one, under a new token. Raises NotFound when it has ended meanwhile."""
    token = new_token()
    done = session.execute(
        update(LoginSession)
        .where(
            LoginSession.id == identity.session_id,
            LoginSession.revoked_at.is_(None),
            LoginSession.verified_at.is_(None),
        )
        .values(verified_at=now, seen_at=now, token_hash=token_hash(token), agent=agent, client=client)
        .returning(LoginSession.way, LoginSession.bound_to)
        .execution_options(synchronize_session=False)
    ).first()
    if done is None:
        raise NotFound("This sign-in has ended. Begin again.")
    way, bound_to = done
    if bound_to is not None:  # opened by an organisation's provider: the organisation's record tells of it
        enter(session, Scope(organisation_id=bound_to))
    person_id = identity.person.id
    record(
        session,
        Kind.SIGNED_IN,
        now=now,
        actor=person_id,
        subject=about(person_id),
        organisation_id=bound_to,
        data={"session": identity.session_id, "way": way},
    )
    return token


# ------------------------------------------------------------------------------------------------------ removal


def remove(session: Session, person: Person, *, now: datetime, actor: Identity | None) -> None:
    """Take the one-time codes away, and tell the person. ``actor`` None: an operator, who takes the passkeys too.

    Recovery codes go with the last factor.
    """
    gone = session.execute(
        delete(SecondFactor).where(SecondFactor.person_id == person.id).returning(SecondFactor.id)
    ).all()
    keys: list[uuid.UUID] = []
    if actor is None:
        passkeys = delete(Passkey).where(Passkey.person_id == person.id).returning(Passkey.id)
        keys = list(session.scalars(passkeys))
    if not gone and not keys:
        raise NotFound("This person has no second factor.")
    if not is_on(session, person.id):
        forget_codes(session, person.id)
    data = {"passkeys": [str(one) for one in keys]} if keys else {}  # a restore takes them away again
    record(session, Kind.FACTOR_REMOVED, now=now, actor=actor, subject=about(person.id), data=data)
    who = "by you" if actor is not None else "by the operators of the portal"
    tell(session, person, now=now, what=f"The second factor of your account was removed {who}")


def forget_codes(session: Session, person_id: uuid.UUID) -> None:
    """Recovery codes without a factor would open nothing."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))


def tell(session: Session, person: Person, *, now: datetime, what: str, left: int | None = None) -> None:
    """A letter about what has happened, so that nobody else does it in silence."""
    letter = mail.compose(
        "account_told",
        to=(person.name, person.email),
        subject=what,
        what=what,
        left=left,
        link=f"{base_url(session)}/forgot",
    )
    outbox.queue(session, letter, now=now)
