"""How a request runs: look, prepare, write (law 2); marks on routes (law 4); cookies, CSRF, headers (law 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, render_template, request
from flask_login import LoginManager, UserMixin
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import clock, pace
from portal.access import TABLE, CompanyRole, Identity, Permission, Resolver
from portal.addresses import ROLE_LABELS as ROLE_LABELS
from portal.addresses import local_path as local_path
from portal.addresses import tenant_home as tenant_home
from portal.addresses import to_sign_in as to_sign_in
from portal.addresses import uuid_or_404 as uuid_or_404
from portal.asking import by_machine as by_machine
from portal.asking import client_address as client_address
from portal.asking import client_agent as client_agent
from portal.asking import wants_json as wants_json
from portal.bodies import LARGEST_BODY, LARGEST_UPLOAD, MOST_FIELDS, check_address, check_size
from portal.csrf import (
    check_csrf,
    check_origin,
    csrf_token,
    delegate_cookie,
    is_for,
    new_visit_cookie,
    shown_tokens,
    visit_cookie,
)
from portal.db import NOBODY, Database
from portal.faults import Conflict, Invalid, NotFound, Refused, Unavailable
from portal.faults import OwesFactor as OwesFactor
from portal.faults import OwesProvider as OwesProvider
from portal.faults import SignedOut as SignedOut
from portal.headers import protect
from portal.marks import Mark
from portal.marks import mark_of as mark_of
from portal.settings import Settings
from portal.storage import Storage

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REST = (
    "You have been away for a long time, so this browser was signed out. Open the link in your letter once more, then "
    "go on from there; with an account, sign in."
)


class Portal(Flask):
    """The application. ``dispatch_request`` is the one place where a request's transaction ends."""

    database: Database
    settings: Settings
    storage: Storage
    resolver: Resolver
    consequences: tuple[Callable[..., None], ...] = ()  # what later features do when something is submitted
    rated: tuple[Callable[..., None], ...] = ()  # and when marks are written into a rating
    waiting: Mapping[str, Callable[..., int]]  # endpoint -> how many wait there, for the navigation
    gate_of: Callable[..., Any]  # how the gate of an engagement stands, for its page
    portfolio: Callable[[], str]  # the whole picture, as the first page of those who answer for it all
    hinders_reopening: Callable[..., str]  # what else stands against reopening an assessment
    unlinked: Callable[..., None]  # what follows when a vendor is taken away from its company
    at_clients: Callable[..., Mapping[str, int]]  # what else waits at an organisation
    tokens_of: Callable[..., int]  # how many API tokens of a person work, in whatever organisation
    decided_on: Callable[..., tuple[Any, ...]]  # evaluations that decisions of an engagement rested on
    breaks: Callable[..., Mapping[Any, Any]] | None = None  # decisions that a version would break
    knows_region: Callable[[str], bool]  # whether its public holidays are known; slow: in no transaction
    policy_effects: Callable[..., Any]  # what a draft of the policy would change at the gates
    as_seen: Callable[..., Any]  # a question of a draft as its vendors will see it, beside its editor

    def dispatch_request(self) -> Any:  # the override that Flask 3.2 will give a parameter
        try:
            response = self.make_response(super().dispatch_request())
            if not response.is_streamed and not response.direct_passthrough:
                response.get_data()  # the body is complete before the commit
        except BaseException:
            undo()
            raise
        _end()
        return response


def install(app: Portal) -> None:
    """Wire the request cycle into ``app``."""
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_UPLOAD,  # check_size keeps all but uploads to LARGEST_BODY
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        MAX_FORM_PARTS=MOST_FIELDS,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.before_request(_arrive)
    app.after_request(_headers)
    app.teardown_request(lambda error: undo())
    app.jinja_env.globals["csrf_token"] = csrf_token
    manager = LoginManager(app)
    manager.session_protection = (
        None  # sessions are rows of ours: hashed, revocable, bound to no cookie of Flask's
    )
    manager.request_loader(_current_user)


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login ships no types
    """What flask-login calls the current user."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.id = str(identity.person.id)


def _current_user(request: object) -> SignedIn | None:
    found = g.get("identity")
    return SignedIn(found) if found is not None else None


# --------------------------------------------------------------------------------------------- what a view asks for


def portal() -> Portal:
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # the proxy's own way out
    assert isinstance(app, Portal)
    return app


def now() -> datetime:
    """The instant of this request: one for the whole of it."""
    instant: datetime = g.now
    return instant


def identity() -> Identity:
    """Who is asking; only for routes that require a permission."""
    if g.identity is None:
        raise RuntimeError("this route is public")
    found: Identity = g.identity
    return found


def maybe_identity() -> Identity | None:
    found: Identity | None = g.identity
    return found


def db() -> Session:
    """The session of this request: read-only for GET; otherwise the write transaction, opened now, checks repeated.

    A view that still has slow work to do (hashing, files) does it before it asks.
    """
    if g.session is None:
        database = portal().database
        if request.method in SAFE or g.undone:
            g.session = database.read_session(_scope())
        else:
            session = database.write_session(_scope())
            g.session = session
            _check_again(session)
    found: Session = g.session
    return found


def undo() -> None:
    """Roll back what this request has written; what follows in it only reads (a form shown again, an error page)."""
    session: Session | None = g.get("session")
    g.undone = True
    if session is not None:
        g.session = None
        portal().database.abandon(session)
    regrets: list[Callable[[], None]] = g.get("regrets") or []
    while regrets:
        with suppress(Unavailable):  # the sweep finds what stays behind
            regrets.pop()()


def permission_asked() -> Permission | None:
    """The permission of the route that is asked for; None for public ones and where there is none."""
    found: Permission | None = g.mark.permission
    return found


def scopes_asked() -> tuple[str, ...]:
    """The scopes of which a token needs one at the route that is asked for."""
    found: tuple[str, ...] = g.mark.scopes
    return found


def half_identity() -> Identity | None:
    """Who has given the right password and still owes the second factor: signed out everywhere but at that step."""
    found: Identity | None = g.half
    return found


@contextmanager
def step() -> Iterator[Session]:
    """One of many short write transactions of a long POST: committed when the block ends, with the checks repeated.

    For work on hundreds of rows, so that nobody else waits for all of it. Each step must stand alone and be safe to
    repeat, because a crash keeps what earlier steps did. The request's own session must not be open.
    """
    if g.session is not None:
        raise RuntimeError("the request writes in one transaction already")
    database = portal().database
    session = database.write_session(_scope())
    try:
        _check_again(session)
        yield session
        database.request_done(session)
    finally:
        database.abandon(session)


def regret(step: Callable[[], None]) -> None:
    """What to take back outside the database should this request not be committed, such as a file just stored."""
    g.regrets.append(step)


def form_page(template: str, form: Any, fault: Invalid | None = None, **context: Any) -> tuple[str, int]:
    """A form shown again with what was typed: 422, nothing written. ``fault`` puts its sentences at their fields."""
    undo()
    if fault is not None:
        form.blame(fault)
    return render_template(template, form=form, failed=True, **context), 422


def notice(response: WerkzeugResponse, code: str) -> WerkzeugResponse:
    """Tell the next page to say what has happened; ``code`` is one of the closed list in frame.NOTICES."""
    response.set_cookie(
        "notice", code, max_age=60, httponly=True, samesite="Lax", secure=portal().settings.secure, path="/"
    )
    return response


# ----------------------------------------------------------------------------------------------------- the cycle


def _arrive() -> WerkzeugResponse | None:
    g.now = clock.now()
    g.identity = g.half = g.half_token = g.session = g.token = g.visit = None
    g.undone = False
    g.regrets = []
    g.mark = Mark(None, None)
    check_address()
    if isinstance(
        request.routing_exception, RequestRedirect
    ):  # its address rests on the Host header; a path does not
        corrected = urlsplit(request.routing_exception.new_url)
        query = f"?{corrected.query}" if corrected.query else ""
        return redirect(local_path(corrected.path + query) or "/", request.routing_exception.code)
    if request.routing_exception is not None:
        if not isinstance(request.routing_exception, MethodNotAllowed):
            _look(None, None)  # an error page still shows who is signed in
        return None
    endpoint = request.endpoint or ""
    if endpoint == "static":
        return None
    arguments = request.view_args or {}
    g.mark = mark_of(current_app, endpoint, request.method, arguments)
    if request.method not in SAFE:
        if g.mark.by_cookie:
            check_origin()
        check_size()
    _look(g.mark.side, arguments.get(g.mark.side) if g.mark.side else None)
    if g.mark.by_token and g.identity is not None:
        pace.heed(g.identity.session_id, g.now)  # before anything is refused: refusals are counted too
    _check_permission()
    if request.method not in SAFE and g.mark.by_cookie:
        check_csrf()
    return None


def _look(side: str | None, slug: str | None) -> None:
    """Session, permission and tenant, in a read transaction that is closed before anything else happens."""
    g.visit = request.cookies.get(visit_cookie())
    app = portal()
    absent: NotFound | None = None
    mark: Mark = g.mark
    for token in _shown(mark):
        try:
            with app.database.looking() as session:
                found = _resolved(session, token, side, slug)
        except NotFound as fault:  # no member here, but perhaps somebody with a link
            absent = absent or fault
            continue
        if found is not None and found.half:
            if g.half is None or found.seen_at > g.half.seen_at:
                g.half, g.half_token = found, token
        elif found is not None and not (found.bound and side is None and not _leaving()):
            if g.identity is None or is_for(found.session_id):
                g.identity, g.token = found, token
            if not _leaving() or request.method in SAFE or is_for(found.session_id):
                break  # a form to sign out was drawn for one of several sessions, and its address does not say which
    if g.identity is None and absent is not None:
        raise absent
    touch = app.resolver.touch(g.identity, now=g.now) if g.identity else None
    if touch is not None:
        with suppress(Unavailable):  # a sign of life can wait: reading goes on while the database is busy
            app.database.record_refusal(touch)


def _shown(mark: Mark) -> list[str]:
    if mark.by_link:
        return []
    return shown_tokens(mark.permission, mark.side, by_token=mark.by_token, delegates=_for_delegates())


def _resolved(session: Session, token: str, side: str | None, slug: str | None) -> Identity | None:
    if g.mark.by_token:
        return portal().resolver.token_identity(session, token, now=g.now)
    return portal().resolver.identity(session, token, side=side, slug=slug, now=g.now)


def _leaving() -> bool:
    return g.mark.permission is Permission.SESSION


def _for_delegates() -> bool:
    roles = TABLE[g.mark.permission] if g.mark.permission is not None else None
    return roles is not None and CompanyRole.DELEGATE in roles


def _check_permission() -> None:
    permission: Permission | None = g.mark.permission
    if permission is None:
        return
    if g.identity is None:
        if _for_delegates() and request.cookies.get(delegate_cookie()):
            raise Conflict(REST)
        raise SignedOut("Please sign in.")
    g.identity.check_owed()
    if not g.identity.may(permission) or not _in_scope():
        raise Refused("Your role does not allow this.")


def _in_scope() -> bool:
    """Whether a token holds a scope of this operation; a person has none and needs none."""
    held = g.identity.scopes
    return (held is not None and not held.isdisjoint(g.mark.scopes)) if g.mark.by_token else held is None


def _check_again(session: Session) -> None:
    """Inside the write transaction: is the session still valid and the membership the same?"""
    if g.mark.permission is None or g.token is None:
        return
    side: str | None = g.mark.side
    slug = (request.view_args or {}).get(side) if side else None
    again = _resolved(session, g.token, side, slug)
    if again is None or again.half:
        raise Conflict(REST) if g.identity.role is CompanyRole.DELEGATE else SignedOut("Please sign in.")
    again.check_owed()
    if again != g.identity:
        raise Refused("Your role has changed meanwhile.")


def _scope() -> Any:
    return g.identity.scope if g.identity is not None else NOBODY


def _end() -> None:
    session: Session | None = g.get("session")
    if session is None:
        return
    g.session = None
    database = portal().database
    if request.method in SAFE or g.undone:
        database.abandon(session)
        return
    try:
        database.request_done(session)
    except DBAPIError as error:
        if error.connection_invalidated:  # nobody knows whether it was committed: keep, the sweep decides
            g.regrets.clear()
        raise
    g.regrets.clear()


def _headers(response: Response) -> Response:
    protect(response, secure=portal().settings.secure, kept=by_machine(), linked=g.mark.by_link)
    if not g.mark.by_link:
        new_visit_cookie(response)
    return response
