"""What every page that asks for a passkey shares: the options it draws, and taking what the browser answered.

One hidden field of an ordinary form carries the answer (passkeys.js fills it), so CSRF is checked as everywhere.
"""

from __future__ import annotations

import uuid

from flask import g, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import csrf, web
from portal.access import Person
from portal.accounts import passkey_challenge, passkey_proof, passkeys, throttles
from portal.accounts.passkey_proof import Forged, Place
from portal.faults import Invalid, Throttled

FIELD, NEW = "assertion", "attestation"
CLIENT = "passkey"


def here() -> Place | None:
    """Where passkeys of this portal belong; None where it is opened by an IP address."""
    return passkey_proof.place(web.portal().settings.base_url, request.host_url)


def named_address() -> str:
    """The same portal under a name that may have passkeys, on one's own machine; else ""."""
    host, _colon, port = request.host.rpartition(":")
    return f"http://localhost:{port}" if host == "127.0.0.1" and port.isdecimal() else ""


def bound_to(purpose: str) -> str:
    """The browser that a challenge is drawn for: its visit before sign-in, its session after."""
    if purpose == "sign-in":
        return csrf.visit()
    found = g.half if purpose == "second" else g.identity
    return str(found.session_id) if found is not None else ""


def options(purpose: str) -> str:
    """For templates: what the browser is to ask for, as JSON; "" where no passkey can be shown."""
    at, bound = here(), bound_to(purpose)
    if at is None or not bound:
        return ""
    known: list[bytes] = []
    if purpose != "sign-in":
        person = (g.half if purpose == "second" else g.identity).person
        with web.portal().database.looking() as session:
            known = passkeys.ids(session, person.id)
        if not known:
            return ""
    settings = web.portal().settings
    challenge = passkey_challenge.make(settings, purpose, bound, now=web.now())
    return passkey_proof.request(at, challenge, known)


def creation(person: Person) -> str:
    """What the browser is to make a passkey by, as JSON."""
    at = _somewhere()
    with web.portal().database.looking() as session:
        known = passkeys.ids(session, person.id)
    challenge = passkey_challenge.make(web.portal().settings, "add", bound_to("add"), now=web.now())
    return passkey_proof.creation(at, person, challenge, known)


def registered(text: str) -> tuple[passkey_proof.Registered, bytes]:
    """The passkey that was made and the challenge it was made for; Invalid for anything forged or too old."""
    at = _somewhere()
    try:
        challenge = passkey_proof.read(text).challenge
        _require_ours(challenge, "add")
        return passkey_proof.registered(at, text, challenge), challenge
    except Forged:
        raise Invalid(_("The passkey could not be taken. Begin again.")) from None


class Taken:
    """A passkey that was shown and checked: ``person`` is let in once ``use`` has written it down."""

    def __init__(self, person: Person, passkey_id: uuid.UUID, count: int, challenge: bytes) -> None:
        self.person = person
        self._use = (passkey_id, count, challenge)

    def use(self, session: Session) -> None:
        """In the transaction that rests on it. Raises Invalid after the failure is put on record."""
        try:
            self._write(session)
        except Invalid as fault:
            web.undo()
            self._refused(fault)
            raise

    def use_up(self) -> None:
        """In a transaction of its own, whatever comes of what rests on it. Raises as ``use``."""
        try:
            web.portal().database.record_refusal(self._write)
        except Invalid as fault:
            self._refused(fault)
            raise

    def _write(self, session: Session) -> None:
        passkeys.use(session, *self._use, now=web.now())

    def _refused(self, fault: Invalid) -> None:
        _note(self.person, copied=isinstance(fault, passkeys.Copied))


def take(purpose: str, text: str, person: Person | None = None) -> Taken:
    """Check the answer to ``options``; of ``person`` alone where one is given. Before any write transaction (law 2).

    Raises Invalid; what fails is counted by the client's network and put on record.
    """
    at = _somewhere()
    keys = _keys()
    with web.portal().database.looking() as session:
        try:
            throttles.check_throttle(session, keys, now=web.now(), advice=_("or sign in by your password."))
        except Throttled as fault:
            raise Invalid(fault.message) from None
    known = None
    try:
        shown = passkey_proof.read(text)
        _require_ours(shown.challenge, purpose)
        with web.portal().database.looking() as session:
            known = passkeys.holder(session, shown.credential_id)
        if known is None or (person is not None and known.person.id != person.id):
            raise Forged("not known here")
        if shown.user_handle is not None and shown.user_handle != known.person.id.bytes:
            raise Forged("of somebody else")
        count = passkey_proof.count_shown(at, text, shown.challenge, known.public_key)
    except Forged:
        _note(known.person if known is not None else None)
        raise Invalid(_(passkeys.REFUSED)) from None
    return Taken(known.person, known.id, count, shown.challenge)


def _somewhere() -> Place:
    at = here()
    if at is None:
        raise Invalid(_("Passkeys need an address with a name: this page was opened by a number."))
    return at


def _require_ours(challenge: bytes, purpose: str) -> None:
    settings = web.portal().settings
    if not passkey_challenge.is_ours(settings, challenge, purpose, bound_to(purpose), now=web.now()):
        raise Forged("another challenge")


def _keys() -> dict[str, int]:
    client = throttles.network_of(web.client_address())
    return {throttles.throttle_key(CLIENT, "client", client): throttles.PER_CLIENT}


def _note(person: Person | None, *, copied: bool = False) -> None:
    def write(session: Session) -> None:
        throttles.count_attempt(session, _keys(), now=web.now())
        passkeys.failed(session, person, copied=copied, now=web.now())

    web.portal().database.record_refusal(write)
