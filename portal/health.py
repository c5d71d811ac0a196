"""``/healthz``: is the database there, does a worker finish passes, and keep up? ``/metrics``: by how much not."""

from __future__ import annotations

import hmac
from collections import Counter
from datetime import datetime, timedelta

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from portal import metrics, outbox, web
from portal.access import by_link, public
from portal.audit import holding
from portal.db import SYSTEM, Database
from portal.faults import NotFound, Unavailable
from portal.gate.behind import is_behind
from portal.metrics import Figure
from portal.outbox import HELD, Backlog
from portal.reassessment.hindering import ASKS
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.models_runs import WorkerRun
from portal.reassessment.runs import SILENCE, newest_beat
from portal.settings import LOOPBACK

blueprint = Blueprint("health", __name__)
LATELY = timedelta(hours=1)


@blueprint.get("/healthz")
@public
def healthz() -> tuple[Response, int]:
    """200 when database and worker are well, else 503; says which of them is not.

    ``behind_seconds``: how long the oldest letter waits whose moment has come; ``letters_waiting``: how many there are.
    ``letters`` is there, as ``held``, from a restore until they are released; nobody is reminded meanwhile. ``gates``
    is there, as ``behind``, while some gate could not be worked out for days: the portal serves all the same.
    """
    database, now = web.portal().database, web.now()
    try:
        last = web.db().scalar(newest_beat(now))
        with database.looking(SYSTEM) as session:
            gates = {"gates": "behind"} if is_behind(session, now.date()) else {}
            held = {"letters": HELD} if holding.stands(session) else {}
        waits = outbox.backlog(database, now=now)
    except (SQLAlchemyError, Unavailable):
        return jsonify(status="down", database="unreachable", worker="unknown"), 503
    well = last is not None and now - last <= SILENCE
    body = jsonify(
        status="ok" if well else "down",
        database="well",
        worker="well" if well else "silent",
        behind_seconds=round(waits.oldest),
        letters_waiting=waits.waiting,
        **gates,
        **held,
    )
    return body, 200 if well else 503


@blueprint.get("/metrics")
@by_link
def figures() -> Response:
    """For Prometheus on this computer, or with ``metrics_token``; for anybody else there is no such page."""
    if not _may_read():
        raise NotFound
    database, now = web.portal().database, web.now()
    waits = outbox.backlog(database, now=now)
    return Response(metrics.exposition(_figures(database, waits, now)), content_type=metrics.CONTENT_TYPE)


def _may_read() -> bool:
    settings = web.portal().settings
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.metrics_token and kind.lower() == "bearer":
        return hmac.compare_digest(token.encode(), settings.metrics_token.encode())
    return not settings.trusted_proxies and web.client_address() in LOOPBACK


def _figures(database: Database, waits: Backlog, now: datetime) -> list[Figure]:
    with database.looking(SYSTEM) as session:
        last = session.scalar(newest_beat(now))
        hindered = session.scalar(
            select(func.count())
            .select_from(Reassessment)
            .where(Reassessment.state == "scheduled", Reassessment.hindered.not_in(("", ASKS)))
        )
        skipped = dict(
            session.execute(
                select(ReminderStep.skipped, func.count())
                .where(ReminderStep.skipped != "")
                .group_by(ReminderStep.skipped)
            ).all()
        )
        recent = session.execute(
            select(WorkerRun.behind, WorkerRun.faults).where(WorkerRun.ended_at > now - LATELY)
        ).all()
    faults = Counter(name for one in recent for name in one.faults)
    return [
        Figure(
            "portal_worker_last_pass_timestamp_seconds",
            "When a worker last gave a sign of life, in seconds of 1970; 0 for never.",
            {"": last.timestamp() if last is not None else 0.0},
        ),
        Figure(
            "portal_worker_silent_seconds",
            "How long no worker has given a sign of life.",
            {"": max(0.0, (now - last).total_seconds())} if last is not None else {},
        ),
        Figure(
            "portal_reminders_behind_seconds",
            "By how much the latest step was late that was told within the last hour.",
            {"": float(max((one.behind for one in recent), default=0))},
        ),
        Figure(
            "portal_worker_faults",
            "In how many entries of the worker's diary of the last hour a job failed.",
            faults,
            label="job",
        ),
        Figure("portal_letters", "Letters in the outbox.", outbox.states(database), label="state"),
        Figure(
            "portal_letter_oldest_seconds",
            "How long the oldest letter waits whose moment has come.",
            {"": waits.oldest},
        ),
        Figure(
            "portal_openings_hindered",
            "Next assessments that could not be opened by themselves.",
            {"": float(hindered or 0)},
        ),
        Figure(
            "portal_steps_skipped",
            "Steps of ladders that were told to nobody, by the reason.",
            skipped,
            label="why",
            counts=True,
        ),
    ]
