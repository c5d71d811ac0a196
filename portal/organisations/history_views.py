"""The page of a person's own security history."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask_babel import lazy_gettext as _l

from portal import web
from portal.access import Permission, requires
from portal.accounts import service as accounts
from portal.audit.catalogue import Kind
from portal.organisations import history
from portal.organisations.views import blueprint
from portal.paging import page_number

# Kind -> sentence, tone and icon. ``%(place)s`` is the organisation or company.
WORDS: dict[Kind, tuple[Any, str, str]] = {
    Kind.PERSON_CREATED: (_l("The account was made"), "info", "users"),
    Kind.PERSON_CHANGED: (_l("The name was changed"), "info", "pen"),
    Kind.PASSWORD_SET: (_l("A new password was set"), "info", "key"),
    Kind.PASSWORD_RESET_ASKED: (_l("A link to set a password was asked for"), "info", "mail"),
    Kind.SIGNED_IN: (_l("Signed in"), "good", "check"),
    Kind.PASSWORD_SHOWN: (_l("The right password was given, before the code"), "info", "half"),
    Kind.SIGN_IN_FAILED: (_l("A wrong password was given"), "caution", "alert"),
    Kind.SIGN_IN_THROTTLED: (_l("Too many attempts: the door was closed for a while"), "bad", "stop"),
    Kind.SIGNED_OUT: (_l("Signed out"), "none", "minus"),
    Kind.SESSION_REVOKED: (_l("Browsers were signed out"), "info", "lock"),
    Kind.FACTOR_STARTED: (_l("Setting up a second factor was begun"), "info", "half"),
    Kind.FACTOR_SET: (_l("The second factor was switched on"), "good", "check-circle"),
    Kind.FACTOR_REMOVED: (_l("The second factor was removed"), "caution", "alert"),
    Kind.FACTOR_FAILED: (_l("The password was right and the code was wrong"), "bad", "alert"),
    Kind.FACTOR_SHOWN: (_l("A code from the app was given"), "good", "check"),
    Kind.RECOVERY_CODES_MADE: (_l("New recovery codes were made"), "info", "key"),
    Kind.RECOVERY_CODE_USED: (_l("A recovery code was used"), "caution", "key"),
    Kind.ADDRESS_CHANGE_ASKED: (_l("Another address was asked for"), "caution", "mail"),
    Kind.ADDRESS_CHANGE_WITHDRAWN: (_l("The change of address was stopped"), "info", "stop"),
    Kind.ADDRESS_CHANGED: (_l("The address was changed"), "caution", "mail"),
    Kind.MEMBER_ADDED: (_l("Joined %(place)s"), "info", "plus"),
    Kind.MEMBER_REMOVED: (_l("Removed from %(place)s"), "info", "minus"),
    Kind.MEMBER_VOUCHED_FOR: (_l("Whoever runs the portal vouched for you in %(place)s"), "info", "check"),
    Kind.FEED_MADE: (_l("A private calendar address was made"), "info", "plus"),
    Kind.FEED_REVOKED: (_l("Private calendar addresses were revoked"), "info", "minus"),
}


WAYS = {
    "password": _l("by a password"),
    "passkey": _l("by a passkey"),
    "sso": _l("by an organisation's provider"),
}


@blueprint.get("/account/history")
@requires(Permission.ACCOUNT)
def own_history() -> str:
    page = history.of_person(web.db(), web.identity(), page_number(request.args.get("page")))
    return render_template(
        "accounts/history.html",
        page=page,
        words=WORDS,
        ways=WAYS,
        pages=page.links(lambda number: url_for(".own_history", page=number if number > 1 else None)),
        zone=accounts.zone_of(web.db(), web.identity().person.id),
    )
