"""What a version would do to what was submitted: asked for, its progress, its result as a page and as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import web
from portal.access import Identity, Permission, requires
from portal.audit.service import export_made
from portal.exporting import CHUNK, csv_file
from portal.faults import NotFound
from portal.library import diffing, draft_queries, drafts
from portal.library.diffing import DraftFaulty
from portal.library.models import QuestionnaireDraft, WhatIfRow, WhatIfRun
from portal.listing import Address, an_id, one_of
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable
from portal.reports import what_if
from portal.vendors import queries as vendors
from questionnaires import requirements
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.patterns import LABEL

blueprint = Blueprint("what_if", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
HEAD = (
    *("vendor", "verdict", "score_before", "high_before", "band_before", "best_band_before"),
    *("score_after", "high_after", "band_after", "best_band_after"),
    *("knockouts", "requirements", "to_answer", "to_review", "decisions", "assessment", "submission"),
)


@blueprint.get("/o/<organisation>/what-ifs")
@requires(Permission.SEE_FORESIGHT)
def listed(organisation: str) -> Page:
    """What was tried, newest first."""
    session, identity = web.db(), web.identity()
    found = what_if.runs(session, identity)
    people = organisations.people(session, {one.asked_by for one in found if one.asked_by})
    zone = organisations.organisation_of(session, identity).zone
    return render_template("what_if/list.html", runs=found, people=people, zone=zone)


@blueprint.get("/o/<organisation>/what-ifs/ask")
@requires(Permission.AUTHOR)
def ask(organisation: str) -> Page:
    """What would be tried, and on how much."""
    session, identity = web.db(), web.identity()
    try:
        candidate, row = _candidate(session, identity)
    except DraftFaulty as fault:
        return render_template("what_if/faulty.html", fault=fault)
    assert identity.organisation is not None
    found = what_if.subjects(web.portal().database, identity.organisation.id, candidate, web.now())
    return render_template("what_if/ask.html", candidate=candidate, draft=row, total=len(found))


@blueprint.post("/o/<organisation>/what-ifs/ask")
@requires(Permission.AUTHOR)
def go(organisation: str) -> Page:
    """Reading the candidate and counting come before the transaction."""
    identity = web.identity()
    assert identity.organisation is not None
    database = web.portal().database
    with database.looking(identity.scope) as session:
        candidate, row = _candidate(session, identity)
    found = what_if.subjects(database, identity.organisation.id, candidate, web.now())
    if row is not None:
        drafts.locked(web.db(), identity, row.id)
    run = what_if.ask(web.db(), candidate, row, len(found), actor=identity, now=web.now())
    address = url_for("what_if.run", organisation=organisation, run=run.id)
    return web.notice(redirect(address, 303), "what-if-asked")


def _candidate(session: Session, identity: Identity) -> tuple[Questionnaire, QuestionnaireDraft | None]:
    """The draft or version that the address or the form names."""
    values = request.form if request.method == "POST" else request.args
    draft_id = an_id("draft", values)
    if draft_id is not None:
        row = draft_queries.draft(session, identity, draft_id)
        return diffing.sound(session, identity, row), row
    label = values.get("version", "")
    if not LABEL.fullmatch(label):
        raise NotFound
    return diffing.side_of(session, identity, label)(), None


# ------------------------------------------------------------------------------------------------------- the result


@blueprint.get("/o/<organisation>/what-ifs/<uuid:run>")
@requires(Permission.SEE_FORESIGHT)
def run(organisation: str, run: uuid.UUID) -> Page:
    """How far it is, and what was worked out until now."""
    session, identity = web.db(), web.identity()
    found = what_if.run_of(session, identity, run)
    verdict, down = one_of("verdict", what_if.VERDICTS), request.args.get("down") == "1"
    page, names = what_if.rows(
        session,
        identity,
        found,
        verdict=verdict,
        down=down,
        number=page_number(request.args.get("page")),
    )
    href = Address(
        "what_if.run", {"organisation": organisation, "run": run}, {"verdict": verdict}, "vendor", down
    )
    columns = [("vendor", _("Vendor")), ("", _("What becomes of it")), ("", _("Before")), ("", _("After"))]
    columns += [("", _("Why"))]
    candidate = parse_json(found.candidate, "what-if")
    broken = _broken(session, identity, candidate, page.rows)
    about = _engagements(session, identity, page.rows)
    shown = render_template(
        "what_if/run.html",
        run=found,
        candidate=candidate,
        counts=what_if.counts(session, identity, found),
        verdict=verdict,
        verdicts=verdict_words(),
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, "vendor", down, lambda key, down: href(sort=key, down=down)),
        href=href,
        lines=[
            _shown(one, names, about, candidate) | {"broken": broken.get(one.submission_id, ())}
            for one in page.rows
        ],
        refresh=found.state in what_if.OPEN,
        zone=organisations.organisation_of(session, identity).zone,
    )
    # Without a script a browser looks again by itself when the answer says so.
    return Response(shown, headers={"Refresh": "5"} if found.state in what_if.OPEN else {})


def verdict_words() -> dict[str, tuple[str, str, str]]:
    """Word, tone and icon of each verdict."""
    return {
        "worse": (_("Worse"), "bad", "down"),
        "better": (_("Better"), "good", "up"),
        "cannot_tell": (_("Cannot tell"), "caution", "half"),
        "same": (_("The same"), "none", "check"),
        "unread": (_("Not read"), "none", "lapsed"),
    }


Names = Mapping[uuid.UUID, str]


def _engagements(session: Session, identity: Identity, rows: Sequence[WhatIfRow]) -> Names:
    """Names of those for which contracts must not hold the same."""
    ids = {uuid.UUID(key) for one in rows for key in what_if.changes_of(one)["engagements"]}
    found = vendors.engagements(session, identity, ids) if ids else {}
    return {key: one.name for key, one in found.items()}


def _requirements(changes: Mapping[str, Any], about: Names) -> list[tuple[str, str, str, list[str]]]:
    """Key, before, after, and the names of the engagements, where it is not so for all that are covered."""
    each = changes["engagements"]
    found = []
    for shift in changes["requirements"]:
        of = [key for key, some in each.items() if shift in some]
        told = {about.get(uuid.UUID(key), "") for key in of} if len(of) < len(each) else {""}
        found.append((*shift, sorted(told - {""})))
    return found


def _shown(row: WhatIfRow, names: Names, about: Names, candidate: Questionnaire) -> dict[str, Any]:
    changes, catalogue = what_if.changes_of(row), requirements.load()
    texts = candidate.questions
    return {
        "row": row,
        "vendor": names.get(row.vendor_id, ""),
        "before": _standing(row.before),
        "after": _standing(row.after),
        "knockouts": [
            (texts[key].text if key in texts else key, before, after)
            for key, before, after in changes["knockouts"]
        ],
        "requirements": [
            (one.title if (one := catalogue.get(key)) is not None else key, before, after, told)
            for key, before, after, told in _requirements(changes, about)
        ],
        "unanswered": changes["unanswered"],
        "unreviewed": changes["unreviewed"],
    }


def _broken(
    session: Session, identity: Identity, candidate: Questionnaire, rows: Sequence[WhatIfRow]
) -> Mapping[uuid.UUID, Sequence[str]]:
    """By submission, the decisions of the gate that would no longer stand; see features.BREAKS."""
    asked = web.portal().breaks
    return asked(session, identity, candidate, rows) if asked is not None and rows else {}


def _standing(shown: list[Any]) -> str:
    """ "76.1 to 80.9, partial to sound"; "" where nothing is assessed."""
    score, high, band, best = shown
    if score is None:
        return ""
    numbers = score if score == high else _("%(low)s to %(high)s", low=score, high=high)
    bands = band if band == best else _("%(low)s to %(high)s", low=band, high=best)
    return f"{numbers}, {bands}" if band else str(numbers)


@blueprint.get("/o/<organisation>/what-ifs/<uuid:run>.csv")
@requires(Permission.SEE_FORESIGHT)
def run_csv(organisation: str, run: uuid.UUID) -> Response:
    """All rows of the filter, for a spreadsheet."""
    session, identity = web.db(), web.identity()
    found = what_if.run_of(session, identity, run)
    note = export_made("what_if", now=web.now(), actor=identity)
    name = f"what-if-{found.slug}-{found.version}"
    return csv_file(name, HEAD, _lines(found, one_of("verdict", what_if.VERDICTS)), note)


def _lines(run: WhatIfRun, verdict: str) -> Iterator[tuple[Any, ...]]:
    """Some hundreds at a time: the facts of their gates lie in memory meanwhile."""
    session, identity = web.db(), web.identity()
    candidate = parse_json(run.candidate, "what-if")
    every = what_if.every(session, identity, run, verdict)
    while chunk := list(islice(every, CHUNK)):
        names = what_if.names(session, identity, chunk)
        broken = _broken(session, identity, candidate, chunk)
        about = _engagements(session, identity, chunk)
        yield from (_cells(one, names, about, broken) for one in chunk)


def _cells(
    row: WhatIfRow, names: Names, about: Names, broken: Mapping[uuid.UUID, Sequence[str]]
) -> tuple[Any, ...]:
    changes = what_if.changes_of(row)
    knockouts = ((*one, []) for one in changes["knockouts"])
    shifts = (
        "; ".join(
            f"{key}: {before or 'none'} to {after or 'none'}" + (f" ({', '.join(told)})" if told else "")
            for key, before, after, told in each
        )
        for each in (knockouts, _requirements(changes, about))
    )
    return (
        *(names.get(row.vendor_id, ""), row.verdict, *row.before, *row.after, *shifts),
        *(changes["unanswered"], changes["unreviewed"], "; ".join(broken.get(row.submission_id, ()))),
        *(row.assessment_id, row.submission_id),
    )


@blueprint.post("/o/<organisation>/what-ifs/<uuid:run>/stop")
@requires(Permission.AUTHOR)
def stop(organisation: str, run: uuid.UUID) -> Page:
    found: WhatIfRun = what_if.stop(web.db(), run, actor=web.identity(), now=web.now())
    code = "what-if-stopped" if found.state == "stopped" else "saved"
    return web.notice(redirect(url_for("what_if.run", organisation=organisation, run=run), 303), code)
