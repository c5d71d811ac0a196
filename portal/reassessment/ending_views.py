"""Documents that end: a list by day, and one press that asks the vendors for the newer ones."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response
from wtforms import TextAreaField
from wtforms.validators import Length, Optional

from portal import clock, web
from portal.access import Permission, requires
from portal.evidence.kinds import evidence_name
from portal.faults import Invalid
from portal.forms import DateField, Form, NoControls, clean
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import ending

blueprint = Blueprint("ending", __name__)
Page = str | Response | tuple[str, int]
_ALL = "/o/<organisation>/evidence"
DAYS = (30, 60, 365)
USUAL = "A document that your answer rests on ends. Please give the newer one."
A_FORTNIGHT = timedelta(days=14)


class Asking(Form):
    """Why and until when; what is asked for is ticked in the list: ``pick`` = submission:document."""

    text = TextAreaField(
        "What the vendors read",
        [Length(max=4000, message="Write at most 4,000 characters."), NoControls(lines=True)],
        filters=[clean],
        render_kw={"rows": 3},
    )
    due = DateField("Answer until", [Optional()])


@blueprint.get(_ALL)
@requires(Permission.SEE_REVIEW)
def list_page(organisation: str) -> Page:
    """What ends, the nearest first."""
    return _page(_fresh())


@blueprint.post(f"{_ALL}/ask")
@requires(Permission.REVIEW)
def ask(organisation: str) -> Page:
    """``do``: ``preview`` shows which questions go back to whom, ``ask`` returns them, each in a step of its own."""
    web.undo()  # until the steps that return questions, this request only reads
    form = Asking(request.form)
    picked = _picked()
    sound = form.validate()
    if request.form.get("do") != "ask" or not picked or not sound:
        if not picked:
            form.form_errors = ["Tick the documents that you want newer ones of."]
        elif request.form.get("do") != "ask":
            return _look_over(form, picked)
        return _page(form, picked), 422
    identity, now = web.identity(), web.now()
    done = []
    for submission, documents in sorted(picked.items()):
        try:
            with web.step() as session:
                done.append(
                    ending.ask(
                        session,
                        identity,
                        submission,
                        documents,
                        due=form.due.data,
                        text=form.text.data or "",
                        consequences=web.portal().rated,
                        now=now,
                    )
                )
        except Invalid as fault:  # of the words or the day, so it holds for each of them: the first says it
            form.blame(fault)
            return _look_over(form, picked), 422
    return render_template("ending/done.html", done=done)


# ---------------------------------------------------------------------------------------------------------- inside


def _picked() -> dict[uuid.UUID, set[uuid.UUID]]:
    """What was ticked, by submission, at most ending.MOST of these."""
    found: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for text in request.form.getlist("pick"):
        submission, _colon, document = text.partition(":")
        key = web.uuid_or_404(submission)
        if key in found or len(found) < ending.MOST:
            found[key].add(web.uuid_or_404(document))
    return dict(found)


def _fresh() -> Asking:
    zone = organisations.organisation_of(web.db(), web.identity()).zone
    return Asking(data={"text": USUAL, "due": clock.local_date(web.now(), zone) + A_FORTNIGHT})


def _page(form: Asking, picked: dict[uuid.UUID, set[uuid.UUID]] | None = None) -> str:
    session, identity = web.db(), web.identity()
    assert identity.organisation is not None
    today = clock.local_date(web.now(), organisations.organisation_of(session, identity).zone)
    until = one_of("until", ending.UNTIL, "60")
    first, last = ending.period(until, today)
    page = ending.listed(
        session, identity, first=first, last=last, number=page_number(request.args.get("page"))
    )
    href = Address("ending.list_page", {"organisation": identity.organisation.slug}, {"until": until})
    return render_template(
        "ending/list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        href=href,
        until=until,
        counts=ending.counts(session, identity, today, DAYS),
        kind_of=evidence_name,
        today=today,
        form=form,
        picked={f"{one}:{each}" for one, some in (picked or {}).items() for each in some},
        failed=bool(form.errors or form.form_errors),
    )


def _look_over(form: Asking, picked: dict[uuid.UUID, set[uuid.UUID]]) -> str:
    """Which questions go back to whom."""
    session, identity = web.db(), web.identity()
    some: list[dict[str, Any]] = ending.preview(session, identity, picked)
    return render_template(
        "ending/preview.html",
        form=form,
        some=some,
        picks=[f"{one}:{each}" for one, docs in sorted(picked.items()) for each in sorted(docs)],
        failed=bool(form.errors or form.form_errors),
    )
