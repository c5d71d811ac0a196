"""Documents through a delegation's link: only what came through it, waiting for an owner, never the library."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from portal.db import SYSTEM
from portal.evidence import service
from portal.evidence.models import Evidence, EvidenceGrant
from portal.settings import Settings
from portal.web import Portal
from tests.portal.assessments.given import Answering, Given, give
from tests.portal.assessments.test_delegation import give as give_away
from tests.portal.assessments.test_delegation import link, opened
from tests.portal.evidence.files import PDF
from tests.portal.evidence.test_showing import KEY, KIND, page, upload
from tests.portal.once import made_once


@pytest.fixture
@made_once
def given(app: Portal, settings: Settings) -> Given:
    return give(app, settings)


@pytest.fixture
def helper(given: Given) -> Answering:
    """Somebody behind a link to the question that asks for evidence."""
    assert give_away(given, KEY).status_code == 303
    return opened(given, link(given))


def every(given: Given, model: Any) -> list[Any]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(model)))


def test_a_helper_uploads_beside_their_question_and_an_owner_accepts(given: Given, helper: Answering) -> None:
    owner = given.browser()
    owner.answer(given.section("two"), a__two__proof="yes")
    assert upload(helper, page(given)).status_code == 303
    (document,) = every(given, Evidence)
    (grant,) = every(given, EvidenceGrant)
    assert document.delegation_id == grant.delegation_id is not None
    base = f"/c/{given.company.slug}/evidence"
    assert document.title not in owner.get(base).text, "no part of the library yet"
    assert "waits for an owner" in owner.get(given.section("two")).text
    missing = owner.get(f"{given.base}/missing").text
    assert f"#q-{KEY}" in missing, "it waits for acceptance"
    token = owner.token(page(given, "one.days", "one"))
    other = f"{page(given, 'one.days', 'one')}/attach"
    body = {"csrf_token": token, "documents": str(document.id)}
    assert owner.client.post(other, data=body).status_code == 404, "not before it is accepted"
    assert helper.get(f"{page(given)}/{document.id}").data == PDF


def test_a_helper_reaches_no_library_and_no_other_question(given: Given, helper: Answering) -> None:
    owner = given.browser()
    assert upload(owner, page(given), title="Of the company").status_code == 303
    (ours,) = every(given, Evidence)
    shown = helper.get(page(given)).text
    assert "From your documents" not in shown
    assert "Take away" not in shown, "it is not theirs to take away"
    token = helper.token(page(given))
    for path, data, status in (
        (f"{page(given)}/attach", {"documents": str(ours.id)}, 403),
        (f"{page(given)}/{ours.id}/withdraw", {}, 403),
        (f"{page(given, 'one.days', 'one')}/attach", {"documents": str(ours.id)}, 403),
        (f"{page(given, 'one.days', 'one')}/{ours.id}/withdraw", {}, 404),
        (page(given, "one.days", "one"), {"kind": KIND}, 404),
    ):
        answer = helper.client.post(path, data={"csrf_token": token, **data})
        assert answer.status_code == status, path
    assert helper.get(page(given, "one.days", "one")).status_code == 404
    assert helper.get(f"{page(given)}/{ours.id}").data == PDF, "it lies beside their own question"
    for place in ("", "/new", f"/{ours.id}", f"/{ours.id}/file", f"/{ours.id}/edit"):
        answer = helper.get(f"/c/{given.company.slug}/evidence{place}")
        assert answer.status_code in (303, 404), place
    (grant,) = every(given, EvidenceGrant)
    assert grant.revoked_at is None


def test_a_link_has_a_quota_of_its_own(
    app: Portal, given: Given, helper: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LINK_QUOTA_MB", 1)
    large = PDF[:9] + bytes(700_000) + PDF[9:]
    assert upload(given.browser(), page(given), large).status_code == 303, "not the company's"
    assert upload(helper, page(given), large).status_code == 303
    answer = upload(helper, page(given), large)
    assert answer.status_code == 422
    assert "of 1 MB are in use" in answer.text
    assert len(list(iter(app.storage.keys()))) == 2
