"""Whether a request exists: a code is typed, and the page says who asks. Nothing is opened, nobody signed in.

It cannot say that a letter is genuine: whoever has had one such letter can copy its code into another.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request
from wtforms import StringField
from wtforms.validators import DataRequired

from portal import web
from portal.access import public
from portal.assessments import codes
from portal.faults import Invalid, Throttled
from portal.forms import Form, clean

blueprint = Blueprint("confirming", __name__)
Page = str | tuple[str, int]
TEMPLATE = "confirming/confirm.html"
WRONG = "No request has this code. Compare it sign by sign. If it is the same, do not follow the letter."


class Code(Form):
    """One code, as somebody reads it from a letter."""

    code = StringField(
        "Code",
        [DataRequired("Type the code that stands in your letter.")],
        filters=[clean],
        description="Ten letters and digits, like 7KQ2M-X9FTD. Small letters and spaces are fine.",
    )


@blueprint.get("/confirm")
@public
def confirm() -> Page:
    """The empty form: an address with a code in it shows nothing more."""
    return render_template(TEMPLATE, form=Code(), found=None, here=_here())


@blueprint.post("/confirm")
@public
def check() -> Page:
    """Throttle, look the code up, put the check on record, and only then answer."""
    form = Code(request.form)
    if not form.validate():
        return web.form_page(TEMPLATE, form, found=None, here=_here())
    database, client, now = web.portal().database, web.client_address(), web.now()
    with database.looking() as session:
        try:
            codes.check_throttle(session, client, now=now)
        except Throttled as fault:
            return web.form_page(TEMPLATE, form, Invalid(fault.message), found=None, here=_here())[0], 429
        found = codes.confirmed(session, form.code.data or "")
    database.record_access(
        lambda writing: codes.note_check(writing, client, found[0] if found else None, now=now)
    )
    if found is None:
        return web.form_page(TEMPLATE, form, Invalid(errors={"code": WRONG}), found=None, here=_here())
    return render_template(TEMPLATE, form=Code(), found=found[1], here=_here())


def _here() -> str:
    """The portal's own address: the only place that its letters lead to."""
    return web.portal().settings.base_url
