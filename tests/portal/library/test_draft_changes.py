"""Changes of drafts: worked out before the write lock, at a pace, within bounds, listed without reading megabytes."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from portal.db import Database
from portal.faults import Conflict, Throttled
from portal.library import draft_changes, draft_queries, draft_structure, drafts, parts
from portal.library.draft_changes import MOST_IN_PACE, PACE
from portal.settings import Settings
from tests.portal.library.given import CISO, begin, stored
from tests.portal.world import NOW, Place, make_organisation

MFA, ADMIN = "question:access.mfa_staff", "question:access.mfa_admin"


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def draft(database: Database, halden: Place) -> uuid.UUID:
    return begin(database, halden)


def save(session: Any, place: Place, draft: uuid.UUID, part: str, text: str, **more: Any) -> bool:
    row = drafts.locked(session, place[CISO], draft)
    was = parts.held(draft_queries.document_of(row), part)
    given: dict[str, Any] = {"seen": parts.digest(was), "now": NOW} | more
    return drafts.save_part(session, row, part, {**was, "text": text}, actor=place[CISO], **given)


def test_what_was_worked_out_ahead_never_undoes_what_came_between(
    database: Database, halden: Place, draft: uuid.UUID
) -> None:
    """A page looks, a colleague saves another part, the page writes: both changes stand."""
    with database.looking(halden[CISO].scope) as session:
        row = draft_queries.draft(session, halden[CISO], draft)
        document = draft_queries.document_of(row)
    was = parts.held(document, MFA)
    ahead = drafts.ahead_of_saving(
        document, row.revision, MFA, {**was, "text": "Mine?"}, seen=parts.digest(was)
    )
    with database.transaction(halden[CISO].scope) as session:
        save(session, halden, draft, ADMIN, "Theirs?")
    with database.transaction(halden[CISO].scope) as session:
        assert save(session, halden, draft, MFA, "Mine?", ahead=ahead)
    with database.looking(halden[CISO].scope) as session:
        now = draft_queries.document_of(draft_queries.draft(session, halden[CISO], draft))
    assert (parts.held(now, MFA)["text"], parts.held(now, ADMIN)["text"]) == ("Mine?", "Theirs?")


def test_changes_have_a_pace(database: Database, halden: Place, draft: uuid.UUID) -> None:
    with database.transaction(halden[CISO].scope) as session:
        for number in range(MOST_IN_PACE):
            save(session, halden, draft, MFA, f"Number {number}?")
        with pytest.raises(Throttled) as refused:
            save(session, halden, draft, MFA, "Once more?", now=NOW + timedelta(seconds=20))
        assert 40 <= refused.value.retry_after <= 41
        assert save(session, halden, draft, MFA, "Once more?", now=NOW + PACE)


@pytest.mark.both_databases
def test_a_draft_keeps_so_many_bytes_of_changes(
    database: Database, halden: Place, draft: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_changes, "MOST_KEPT", 20_000)
    with database.transaction(halden[CISO].scope) as session:
        assert save(session, halden, draft, MFA, "x" * 3_000)
        assert save(session, halden, draft, MFA, "y" * 3_000)
        with pytest.raises(Conflict, match="as often as a draft can be"):
            save(session, halden, draft, MFA, "z" * 9_000)


@pytest.mark.both_databases
def test_the_list_of_changes_reads_no_large_ones(database: Database, halden: Place, draft: uuid.UUID) -> None:
    with database.transaction(halden[CISO].scope) as session:
        row = drafts.locked(session, halden[CISO], draft)
        document = draft_queries.document_of(row)
        whole = {**document, "summary": "s" * draft_queries.SMALL}
        drafts.change(session, row, {parts.WHOLE: whole}, part=parts.WHOLE, actor=halden[CISO], now=NOW)
        draft_structure.add_section(session, row, title="Doors", actor=halden[CISO], now=NOW)
        doors = parts.placed(draft_queries.document_of(row), "section:doors")
        assert doors is not None
        seen = parts.digest(doors["part"])
        draft_structure.remove(session, row, "section:doors", seen=seen, actor=halden[CISO], now=NOW)
        found = draft_queries.edits(session, halden[CISO], row)
    assert [(one.part, one.how, one.after is None) for one in found] == [
        ("section:doors", "removed", False),
        ("section:doors", "added", False),
        ("document", "changed", True),
    ]
    assert stored(database, halden[CISO], draft)["summary"] == whole["summary"]
