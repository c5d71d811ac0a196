"""What programs take goes on record as files that people take do (law 5): a list, or what was sealed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta

from portal import pace, web
from portal.audit.catalogue import Kind
from portal.audit.service import record

A_DAY = timedelta(days=1)


def note(operation: str, ids: Mapping[str, uuid.UUID]) -> None:
    """Put on record that a token reads what ``operation`` gives, once a day for each of ``ids``: a program that asks
    every minute would else bury what others do. Written before the answer leaves; a process that begins anew writes
    anew.
    """
    now, identity = web.now(), web.identity()
    what = (identity.session_id, operation, *ids.values(), now.date())
    if not pace.first(what, now, of=A_DAY):
        return
    data = {"what": "api", "operation": operation, **ids}
    try:
        web.portal().database.record_access(
            lambda session: record(session, Kind.EXPORTED, now=now, actor=identity, data=data)
        )
    except BaseException:
        pace.forget(what)
        raise
