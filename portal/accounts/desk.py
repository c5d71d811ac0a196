"""What the pages of an account share: their blueprint, and proofs asked for again before what a thief would do."""

from __future__ import annotations

import uuid

from flask import Blueprint, g, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from portal import csrf, web
from portal.access import Identity, Person
from portal.accounts import factors, passkey_desk, service, throttles
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Invalid, Throttled
from portal.forms import Form

blueprint = Blueprint("accounts", __name__)
Page = str | Response | tuple[str, int]
CODE_ADVICE = "or ask whoever runs the portal to take your second factor away."


def throttled(session: Session, keys: dict[str, int]) -> Throttled | None:
    """The refusal when one of the counters is full, put on record; else None."""
    try:
        throttles.check_throttle(session, keys, now=web.now())
    except Throttled as fault:
        note_throttled()
        return fault
    return None


def note_throttled(person_id: uuid.UUID | None = None) -> None:
    subject = service.about(person_id) if person_id is not None else None
    web.portal().database.record_refusal(
        lambda writing: record(
            writing, Kind.SIGN_IN_THROTTLED, now=web.now(), actor=person_id, subject=subject
        )
    )


def note_failure(keys: dict[str, int], person_id: uuid.UUID | None) -> None:
    """Count a wrong password, in a transaction that survives the refusal."""
    subject = service.about(person_id) if person_id is not None else None

    def write(session: Session) -> None:
        throttles.count_attempt(session, keys, now=web.now())
        record(session, Kind.SIGN_IN_FAILED, now=web.now(), actor=person_id, subject=subject)

    web.portal().database.record_refusal(write)


def require_password(who: Person, password: str) -> None:
    """Raise Invalid unless this is the person's password; throttled. Before any write transaction (law 2)."""
    keys = throttles.throttle_keys("password", who.email, web.client_address())
    with web.portal().database.looking() as session:
        fault = throttled(session, keys)
        person = service.person_by_address(session, who.email)
    if fault is not None:
        raise Invalid(fault.message)
    stored = person.password_hash if person else None
    if not service.verify_password(web.portal().settings, stored, password):
        note_failure(keys, who.id)
        raise Invalid(errors={"current": _("This is not your current password.")})


def has_factor(person_id: uuid.UUID) -> bool:
    with web.portal().database.looking() as session:
        return factors.is_on(session, person_id)


def claim_code(who: Person) -> None:
    """Count an attempt at a code before the code is looked at; raises Invalid when it is one too many."""
    keys = factors.throttle(who.id)

    def claim(session: Session) -> None:
        throttles.claim_attempt(session, keys, now=web.now(), advice=CODE_ADVICE)

    try:
        web.portal().database.record_refusal(claim)
    except Throttled as fault:
        note_throttled(who.id)
        raise TooMany(fault.message) from None


def keep_session(response: Response, identity: Identity, token: str) -> None:
    """Give the browser the token of a session in the cookie that sessions of its kind lie in, in place of the one that
    it had while half of the sign-in was done.
    """
    if identity.bound:
        csrf.add_client(response, token, before=_half_token())
    else:
        csrf.set_session(response, token)


def _half_token() -> str:
    """The token under which the browser shows ``web.half_identity``; "" for none."""
    found: str | None = g.half_token
    return found or ""


def forget_half(response: Response, half: Identity) -> None:
    """Take from the browser the token of a sign-in that is given up; other sessions of its stay."""
    if half.bound:
        csrf.drop_client(response, _half_token())
    else:
        csrf.clear_session(response)


def require_proof(who: Person, form: MultiDict[str, str]) -> None:
    """Raise Invalid unless the form proves once more that it is this person, before what a thief of an open browser
    must not do: by ``current``, their password, or by ``assertion``, a passkey. Throttled. Before any write
    transaction (law 2).
    """
    answer = form.get(passkey_desk.FIELD, "")
    if not answer:
        if not form.get("current"):
            raise Invalid(errors={"current": _("Write the password that you have now.")})
        require_password(who, form.get("current", ""))
        return
    passkey_desk.take("proof", answer, who).use_up()


def require_own_proof(identity: Identity, form: MultiDict[str, str]) -> None:
    """``require_proof`` of who came in by their organisation's provider, before what nobody can bring back: whoever
    runs the provider can come in as any two of its people, and knows neither's password. Nothing of who signed in here.
    """
    if identity.bound:
        require_proof(identity.person, form)


def unproved(fault: Invalid) -> list[str]:
    """What stands at the field of a proof that did not hold."""
    return [fault.errors.get("current") or fault.message]


def proved(form: Form, who: Person) -> Session:
    """The request's transaction, once ``form`` (a Proof) is valid and proves that it is this person by all that they
    have: password and, of who has a second factor, a code; or a passkey, which is both. Raises Invalid.
    """
    answer, on = request.form.get(passkey_desk.FIELD, ""), has_factor(who.id)
    asked = form["current"], form["code"]
    if answer or not on:
        asked[1].validators = ()
    if answer:
        asked[0].validators = ()
    if not form.validate():
        raise Invalid
    if answer:
        taken = passkey_desk.take("proof", answer, who)
        session = web.db()
        taken.use(session)
        return session
    require_password(who, asked[0].data or "")
    if on:
        claim_code(who)
    session = web.db()
    if on:
        use_code(session, who, asked[1].data or "")
    return session


class TooMany(Invalid):
    """One code too many: the form again, with status 429."""


def use_code(session: Session, who: Person, code: str) -> int | None:
    """Take a code inside the request's transaction; how many recovery codes are left if it was one of them.

    Raises Invalid for a wrong one, after the failure is put on record and the transaction is given up.
    """
    try:
        left = factors.use(session, web.portal().settings, who, code, now=web.now())
    except Invalid:
        web.undo()
        web.portal().database.record_refusal(
            lambda writing: record(
                writing, Kind.FACTOR_FAILED, now=web.now(), actor=who, subject=service.about(who.id)
            )
        )
        raise
    factors.clear(session, who.id)
    return left
