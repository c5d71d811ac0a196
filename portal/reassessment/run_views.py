"""The worker's page: when it was here, what it put on record, what it could not do, and what it does next."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal import clock, web
from portal.access import Permission, requires
from portal.organisations import queries as organisations
from portal.reassessment import calendar_places, calendar_words
from portal.reassessment import run_queries as queries
from portal.reassessment.runs import SILENCE, newest_beat

blueprint = Blueprint("runs", __name__)
# What the worker's jobs are called: the numbers of worker.Report, and the names of what can fail. One that is missing
# here is called by its code.
JOB_WORDS: dict[str, Any] = {
    "reminders": _l("reminders"),
    "skipped": _l("steps that were passed over"),
    "unsaid": _l("steps of what was over before"),
    "moves": _l("assessments moved to another version"),
    "sent": _l("letters sent"),
    "failed": _l("letters to be tried again"),
    "gave_up": _l("letters given up"),
    "dropped": _l("letters with nothing left to say"),
    "delivery": _l("letters"),
    "destroyed": _l("what was kept long enough"),
    "files": _l("files that nothing refers to"),
    "retention": _l("what was kept long enough"),
    "foreseen": _l("what a change would do"),
    "what-ifs": _l("what a change would do"),
    "standings": _l("gates worked out"),
    "terms": _l("ends of documents"),
    "asked": _l("campaigns"),
    "campaigns": _l("campaigns"),
    "triggers": _l("reasons for a look"),
    "dates": _l("dates of next assessments"),
    "openings": _l("next assessments opened"),
    "opened": _l("next assessments opened"),
    "years": _l("working days"),
    "indexed": _l("answers made ready for search"),
    "words": _l("answers made ready for search"),
    "told": _l("events told to webhooks"),
    "refused": _l("events that webhooks did not take"),
    "webhooks": _l("webhooks"),
    "beat": _l("the sign of life"),
    "clock": _l("this computer's clock could not be trusted, so nothing was put on record"),
}
# What helps where a next assessment cannot be opened (calendar_words.HINDERED says why).
HELPS_WORDS: dict[str, Any] = {
    "no_contact": _l("Add a contact to the vendor."),
    "no_version": _l("Release a version, or let the policy count one."),
    "throttled": _l("It goes on by itself tomorrow."),
    "offboarded": _l("Nothing is left to do."),
    "nobody": _l("Give somebody the role of administrator or CISO."),
    "open_elsewhere": _l("Wait for its answers, or cancel it."),
    "asks": _l("Open it, give it another date, or leave it out."),
    "unlinked": _l("Look at the vendor's page."),
}


@blueprint.get("/o/<organisation>/calendar/worker")
@requires(Permission.SEE_SCHEDULE)
def page(organisation: str) -> str:
    """What the worker did and will do."""
    session, identity, now = web.db(), web.identity(), web.now()
    zone = organisations.organisation_of(session, identity).zone
    stuck, stuck_total = queries.stuck(session, identity)
    early, early_total = queries.early(session, identity, now=now)
    last = session.scalar(newest_beat(now))
    return render_template(
        "reassessment/worker.html",
        last=last,
        silent=last is None or now - last > SILENCE,
        runs=queries.last_runs(session),
        done=queries.done(session, identity, now=now, zone=zone),
        coming=queries.coming(session, identity, now=now),
        stuck=stuck,
        stuck_total=stuck_total,
        early=early,
        early_total=early_total,
        jobs=JOB_WORDS,
        skipped=calendar_words.SKIPPED,
        helps=HELPS_WORDS,
        kinds=calendar_words.KIND_WORDS,
        step_name=calendar_words.step_name,
        place=lambda item: calendar_places.place(item, organisation, today=clock.local_date(now, zone)),
        lasted=lasted,
        zone=zone,
    )


def lasted(seconds: float) -> str:
    """A length of time in one unit: ``40 seconds``, ``3 minutes``, ``2 hours``, ``5 days``."""
    whole = int(seconds)
    if whole < 60:
        return str(ngettext("one second", "%(num)s seconds", max(whole, 0)))
    if whole < 3600:
        return str(ngettext("one minute", "%(num)s minutes", whole // 60))
    if whole < 86400:
        return str(ngettext("one hour", "%(num)s hours", whole // 3600))
    return str(ngettext("one day", "%(num)s days", whole // 86400))
