"""``/healthz``: is the database there, and has a worker finished a pass lately?"""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, jsonify
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from portal import web
from portal.access import public
from portal.faults import Unavailable
from portal.outbox import WorkerBeat

blueprint = Blueprint("health", __name__)
WORKER_SILENCE = timedelta(minutes=3)


@blueprint.get("/healthz")
@public
def healthz() -> tuple[Response, int]:
    """200 when database and worker are well, else 503; says which of them is not."""
    try:
        last = web.db().scalar(select(func.max(WorkerBeat.at)))
    except (SQLAlchemyError, Unavailable):
        return jsonify(status="down", database="unreachable", worker="unknown"), 503
    well = last is not None and web.now() - last <= WORKER_SILENCE
    state = "well" if well else "silent"
    body = jsonify(status="ok" if well else "down", database="well", worker=state)
    return body, 200 if well else 503
