"""Of which gates a what-if is asked at all: of those whose answers the version reads as worse."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.gate import breaking
from portal.settings import Settings
from tests.portal import rich
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.world import make_company, make_organisation

CISO = OrganisationRole.CISO
Bands = tuple[str | None, str | None]


@pytest.fixture
@made_once
def case(database: Database, settings: Settings) -> Reviewed:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    return reviewed(database, halden, cedar)


def asked(
    database: Database, case: Reviewed, submission: uuid.UUID, before: Bands, after: Bands, **more: Any
) -> bool:
    """Whether a line of a what-if has its gates asked."""
    line: Any = SimpleNamespace(
        submission_id=submission,
        before=[None, None, *before],
        after=[None, None, *after],
        changes=json.dumps(more).encode(),
    )
    actor = case.organisation[CISO]
    with database.looking(actor.scope) as session:
        return breaking._changed(session, actor, rich.DEFINITION, [line]) == [line]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (("sound", "sound"), ("sound", "sound"), False),
        (("sound", "sound"), ("strong", "strong"), False),
        (("weak", "sound"), ("weak", "strong"), False),
        (("sound", "sound"), ("weak", "sound"), True),
        (("weak", "strong"), ("weak", "sound"), True),
        (("sound", "sound"), (None, None), True),
        ((None, None), (None, None), True),
    ],
)
def test_a_gate_is_asked_where_a_band_is_worse_or_not_known(
    database: Database, case: Reviewed, before: Bands, after: Bands, wanted: bool
) -> None:
    assert asked(database, case, case.submission, before, after) is wanted


def test_a_gate_is_asked_where_the_version_brings_a_knock_out(database: Database, case: Reviewed) -> None:
    best: Bands = ("strong", "strong")
    for after, wanted in (("failed", True), ("open", False), (None, False)):
        shifts = [["own.rich.mfa", None, after]]
        assert asked(database, case, case.submission, best, best, knockouts=shifts) is wanted


def test_a_submission_that_is_not_there_any_more_is_not_taken_for_unchanged(
    database: Database, case: Reviewed
) -> None:
    assert asked(database, case, uuid.uuid4(), ("strong", "strong"), ("strong", "strong"))
