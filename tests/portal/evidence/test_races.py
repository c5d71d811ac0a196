"""Two at once: whoever seals a document keeps its file, whoever attaches it twice lays it there once."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import select

from portal.assessments import showing
from portal.assessments.models import SealedEvidence
from portal.db import SYSTEM
from portal.evidence import service, uploads
from portal.evidence.models import Evidence, EvidenceGrant
from portal.evidence.service import Described
from portal.faults import Fault
from portal.settings import Settings
from portal.web import Portal
from tests.portal.assessments.given import Given, give, issue
from tests.portal.evidence.files import PDF
from tests.portal.scene import fill, seal
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases
KEY = "two.proof"


def together(*steps: Callable[[], object]) -> None:
    """Each step in a thread of its own, all at the same time; refusals of ours are answers like others."""
    start, broken = threading.Barrier(len(steps)), list[BaseException]()

    def run(step: Callable[[], object]) -> None:
        start.wait()
        try:
            with suppress(Fault):
                step()
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert broken == []


def document(given: Given) -> uuid.UUID:
    stored = uploads.keep(given.app.storage, "", io.BytesIO(PDF), "report.pdf", now=NOW)
    with given.database.transaction(given.owner.scope) as session:
        said = Described("check_report", "Report", NOW.date())
        return service.add(session, stored, said, actor=given.owner, now=NOW).id


def attach(given: Given, assessment: uuid.UUID, paper: uuid.UUID) -> None:
    with given.database.transaction(given.owner.scope) as session:
        one = showing.open_assessment(session, given.owner, assessment, KEY, now=NOW)
        showing.attach(session, one, KEY, [paper], actor=given.owner, now=NOW)


def remove(given: Given, paper: uuid.UUID) -> None:
    with given.database.transaction(given.owner.scope) as session:
        showing.remove(session, paper, actor=given.owner, now=NOW)


def test_what_is_sealed_keeps_its_file_and_what_is_laid_twice_lies_once(
    app: Portal, settings: Settings
) -> None:
    given = give(app, settings)
    for _round in range(3):
        _check(given, uuid.uuid4())


def _check(given: Given, assessment: uuid.UUID) -> None:
    issue(given, assessment)
    fill(given.database, given.owner, assessment)
    paper = document(given)
    together(lambda: attach(given, assessment, paper), lambda: attach(given, assessment, paper))
    with given.database.looking(SYSTEM) as session:
        laid = session.scalars(select(EvidenceGrant).where(EvidenceGrant.evidence_id == paper)).all()
    assert len(laid) == 1
    together(lambda: seal(given.database, given.owner, assessment), lambda: remove(given, paper))
    with given.database.looking(SYSTEM) as session:
        sealed = session.scalars(select(SealedEvidence.evidence_id)).all()
        row = session.scalars(select(Evidence).where(Evidence.id == paper)).one()
    assert row.removed_at is not None
    assert (paper in sealed) == (row.storage_key is not None)
