"""Two at the same instant: one answer stands and the other is kept, and only one submission is made."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from portal.access import OrganisationRole
from portal.assessments import change_steps, moving
from portal.assessments.models import StaleEdit, Submission
from portal.db import SYSTEM, Scope
from tests.portal.assessments.carried import newer
from tests.portal.assessments.given import Given
from tests.portal.assessments.test_moving import CHANGED, WHY, release
from tests.portal.assessments.test_sealing import SIGNED, fill
from tests.portal.world import NOW, csrf_of

pytestmark = pytest.mark.both_databases


def at_once(*actions: Callable[[], int]) -> list[int]:
    """Run the actions at the same instant; their answers, sorted."""
    gate = threading.Barrier(len(actions))
    found: list[int] = []

    def run(action: Callable[[], int]) -> None:
        gate.wait()
        found.append(action())

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_two_answers_at_once_are_both_kept(given: Given) -> None:
    path = given.section("one")
    owner, contributor = given.browser(), given.browser(given.contributor)
    bodies = [
        (owner, {"r.one.days": "0", "a.one.days": "1"}, owner.token(path)),
        (contributor, {"r.one.days": "0", "a.one.days": "2"}, contributor.token(path)),
    ]

    def save(browser: object, body: dict[str, str], token: str) -> Callable[[], int]:
        headers = {"Accept": "application/json", "X-CSRF-Token": token}
        return lambda: browser.client.post(f"{path}/answer", data=body, headers=headers).status_code  # type: ignore[attr-defined]

    assert at_once(*(save(*one) for one in bodies)) == [200, 409]
    with given.database.looking(SYSTEM) as session:
        beside = session.scalars(select(StaleEdit)).one()
    assert {given.stored()["one.days"][1], beside.value["v"]} == {"1", "2"}


def test_two_submissions_at_once_are_one(given: Given) -> None:
    browsers = [given.browser(), given.browser()]
    fill(browsers[0], given)
    path = f"{given.base}/submit"
    pages = [browser.get(path) for browser in browsers]
    seen = pages[0].text.split('name="seen" value="')[1][:64]

    def sign(number: int) -> Callable[[], int]:
        body = {"csrf_token": csrf_of(pages[number]), "seen": seen, **SIGNED}
        return lambda: browsers[number].client.post(path, data=body).status_code

    assert at_once(sign(0), sign(1)) == [303, 409]
    with given.database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 1


def test_a_save_and_a_move_at_once_lose_nothing_and_mix_nothing(given: Given) -> None:
    """Either the save was first and its answer goes by what became of the question, or it is refused whole."""
    release(given, newer(**CHANGED))
    actor, path = given.organisation[OrganisationRole.CISO], given.section("one")
    with given.database.transaction(Scope(organisation_id=given.organisation.id)) as session:
        one, _vendor = change_steps.lock(session, actor, given.assessment_id)
        moving.ask(session, one, "2.0.0", text=WHY, actor=actor, now=NOW)
    browser = given.browser()
    body = {"csrf_token": browser.token(path), **browser.card_fields(path), "a.one.kinds": "steel"}

    def save() -> int:
        return browser.client.post(path, data=body).status_code

    moved, saved = at_once(lambda: moving.apply_asked(given.database, now=NOW), save)
    assert moved == 1
    assert given.assessment().version == "2.0.0"
    stored = {key: value for key, (_revision, value) in given.stored().items() if value is not None}
    if saved == 303:
        assert stored == {"one.kinds": ["steel"], "one.key_kinds": ["steel"]}
    else:
        assert (saved, stored) == (409, {})
