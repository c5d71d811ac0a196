"""Submitting: complete answers only, owners only, once; the seal, its proof, and what may be destroyed (law 6)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from portal.access import Identity
from portal.assessments import queries, sealing
from portal.assessments.models import Rating, SealedAnswer, SealedAttestation, Submission
from portal.audit.models import Event
from portal.db import SYSTEM, Scope
from portal.outbox import Message
from questionnaires.canonical import canonical_json
from tests.portal.assessments.given import Answering, Given
from tests.portal.world import NOW

SIGNED = {"name": "Tomasz Wilk", "role": "Managing director", "agreed": "y"}
PROMISE = {"e.two.proof.reason": "The report is being typed.", "e.two.proof.date": "2026-12-01"}

pytestmark = pytest.mark.both_databases


def fill(browser: Answering, given: Given) -> None:
    """Every required answer, one N/A, one promise, and one answer that is hidden again."""
    browser.answer(given.section("one"), a__one__locks="no")
    browser.answer(given.section("one"), a__one__locks="no", a__one__why="canary-hidden")
    browser.send(
        given.section("one"),
        {
            "s.one.locks": "na",
            "n.one.locks": "There are no doors.",
            "a.one.why": "canary-hidden",
            "a.one.days": "31",
            "a.one.kinds": "none",
        },
    )
    answer = browser.send(given.section("two"), {"a.two.list.0.name": "Ana", "a.two.proof": "yes", **PROMISE})
    assert answer.status_code == 303


def sign(browser: Answering, given: Given, **changed: str) -> Any:
    path = f"{given.base}/submit"
    page = browser.get(path).text
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    fields = {**SIGNED, "seen": seen.group(1) if seen else "", **changed}
    return browser.post(path, {name: value for name, value in fields.items() if value}, page="/account")


def one(given: Given, model: Any) -> Any:
    with given.database.looking(SYSTEM) as session:
        return session.scalars(select(model)).one()


def every(given: Given, model: Any) -> list[Any]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(model)))


def submitted(given: Given) -> Answering:
    browser = given.browser()
    fill(browser, given)
    answer = sign(browser, given)
    assert (answer.status_code, answer.location) == (303, f"{given.base}/receipt"), answer.text
    return browser


def test_the_seal_holds_what_is_visible_and_the_rating_follows(given: Given) -> None:
    submitted(given)
    found = one(given, Submission)
    sealed = {row.key: json.loads(row.answer) for row in every(given, SealedAnswer)}
    assert sealed == {
        "one.locks": {"state": "not_applicable", "note": "There are no doors."},
        "one.days": {"state": "answered", "value": "31", "note": ""},
        "one.kinds": {"state": "answered", "value": ["none"], "note": ""},
        "two.list": {"state": "answered", "value": [{"name": "Ana"}], "note": ""},
        "two.proof": {
            "state": "answered",
            "value": "yes",
            "note": "",
            "promise": {"date": "2026-12-01", "reason": "The report is being typed."},
        },
    }
    assert [key for key, _commitment in json.loads(found.commitments)] == list(sealed)
    rating = one(given, Rating)
    assert (rating.submission_id, rating.sequence) == (found.id, 1)
    states = {line["key"]: line["state"] for line in json.loads(rating.result)["trace"]}
    assert states["two.proof"] == "unproven"
    assert states["one.locks"] == "na_pending"
    assert states["one.why"] == "open"  # its gate is not settled, so its answer counts nowhere
    assert given.assessment().state == "submitted"


def test_sealed_rows_hold_no_name(given: Given) -> None:
    submitted(given)
    found = one(given, Submission)
    events = [event for event in every(given, Event) if event.kind == "assessment.submitted"]
    said = found.commitments.decode() + json.dumps([event.data for event in events])
    assert "Tomasz" not in said
    assert "example" not in said
    assert "31" not in json.loads(found.commitments)[1]


def test_the_proof_holds_and_notices_every_change(given: Given) -> None:
    submitted(given)
    found, answers, signed = one(given, Submission), every(given, SealedAnswer), one(given, SealedAttestation)
    assert sealing.verify(found, answers, signed) == sealing.Proof(sound=True)
    answers[1].answer = answers[1].answer.replace(b"31", b"30")
    assert sealing.verify(found, answers, signed) == sealing.Proof(sound=False, broken=("one.days",))
    answers[1].answer = answers[1].answer.replace(b"30", b"31")
    answers[2].salt = bytes(32)
    assert not sealing.verify(found, answers, signed).sound
    signed.attestation = canonical_json({"name": "Somebody else"})
    assert not sealing.verify(found, answers[:2], signed).sound
    found.submission_hash = "0" * 64
    assert not sealing.verify(found, [], None).sound


def test_the_proof_survives_redaction_and_says_what_is_gone(given: Given) -> None:
    browser = submitted(given)
    with given.database.transaction() as session:
        session.execute(delete(SealedAnswer).where(SealedAnswer.key == "one.days"))
        session.execute(delete(SealedAttestation))
        session.info["audited"] = True  # the door of redaction comes with the review
    proof = given.read(queries.verify, given.read(queries.submission, given.assessment()))
    assert proof == sealing.Proof(sound=True, redacted=("one.days",), attestation_redacted=True)
    page = browser.get(f"{given.base}/receipt").text
    assert "One answer has been removed from the record since" in page
    assert "removed from the record; the hash still covers it" in page


def test_the_same_answers_never_have_the_same_commitment() -> None:
    first, second = sealing.seal({"state": "answered"}), sealing.seal({"state": "answered"})
    assert first.data == second.data
    assert first.commitment != second.commitment


@pytest.mark.parametrize("change", [update(Submission).values(round=9), delete(Submission)])
def test_a_submission_refuses_change(given: Given, change: Any) -> None:
    submitted(given)
    with pytest.raises(DBAPIError), given.database.transaction() as session:
        session.execute(change)


def test_as_of_is_the_organisations_date(given: Given, clocked: list[datetime]) -> None:
    clocked[0] = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    with given.database.transaction() as session:
        row = session.scalars(select(type(given.assessment()))).one()
        row.zone = "Pacific/Auckland"
        session.info["audited"] = True
    submitted(given)
    assert one(given, Submission).as_of == date(2026, 11, 21)


# ----------------------------------------------------------------------------------------------- what is refused


def test_only_an_owner_submits_and_a_contributor_reads_why(given: Given) -> None:
    browser = given.browser(given.contributor)
    fill(browser, given)
    page = browser.get(f"{given.base}/submit").text
    assert "Only an owner of Fennmark Archive can submit" in page
    assert "Owner of Fennmark Archive" in page
    assert 'name="agreed"' not in page
    assert sign(browser, given).status_code == 403
    assert every(given, Submission) == []


def test_what_is_missing_keeps_it_from_being_submitted(given: Given) -> None:
    browser = given.browser()
    page = browser.get(f"{given.base}/submit").text
    assert "Something is still missing." in page
    answer = sign(browser, given)
    assert answer.status_code == 422
    assert "Nothing was submitted." in answer.text
    assert f"{given.section('one')}#q-one.locks" in answer.text


def test_required_evidence_needs_a_reason_and_a_sound_day(given: Given) -> None:
    browser = given.browser()
    fill(browser, given)
    fields = {"a.two.list.0.name": "Ana", "a.two.proof": "yes"}
    browser.send(given.section("two"), {**fields, "e.two.proof.reason": "", "e.two.proof.date": "2026-12-01"})
    assert "add it, or say why it cannot be shared" in browser.get(f"{given.base}/missing").text
    assert sign(browser, given).status_code == 422
    answer = browser.send(given.section("two"), {**fields, **PROMISE, "e.two.proof.date": "2026-11-01"})
    assert answer.status_code == 422
    assert "This day has passed." in answer.text
    answer = browser.send(given.section("two"), {**fields, **PROMISE, "e.two.proof.date": "soon"})
    assert "You wrote &#39;soon&#39;." in answer.text
    browser.send(given.section("two"), {**fields, "e.two.proof.reason": "Secret.", "e.two.proof.date": ""})
    assert "cannot be shared" not in browser.get(f"{given.base}/missing").text, "a reason is enough"


def test_a_promise_whose_day_has_passed_is_asked_for_again(given: Given, clocked: list[datetime]) -> None:
    browser = given.browser()
    fill(browser, given)
    clocked[0] = datetime(2026, 12, 5, 12, tzinfo=UTC)
    browser = given.browser()
    assert "has passed. Give a new one." in browser.get(f"{given.base}/missing").text
    assert sign(browser, given).status_code == 422


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "Write the name of the person who signs."),
        ({"role": ""}, "Write what this person does in the company"),
        ({"role": "x" * 201}, "Write at most 200 characters."),
        ({"agreed": ""}, "Tick the box if you stand behind the answers."),
    ],
)
def test_an_attestation_needs_all_its_parts(given: Given, changed: dict[str, str], sentence: str) -> None:
    browser = given.browser()
    fill(browser, given)
    answer = sign(browser, given, **changed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert given.assessment().state == "open"


def test_nobody_signs_what_they_have_not_read(given: Given) -> None:
    browser = given.browser()
    fill(browser, given)
    page = browser.get(f"{given.base}/submit").text
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen is not None
    given.browser(given.contributor).send(
        given.section("two"), {"a.two.list.0.name": "Eve", "a.two.proof": "yes", **PROMISE}
    )
    answer = browser.post(f"{given.base}/submit", {**SIGNED, "seen": seen.group(1)})
    assert answer.status_code == 409
    assert "An answer has changed since you opened this page." in answer.text
    assert "Managing director" in answer.text
    assert every(given, Submission) == []


def test_a_second_press_finds_it_submitted(given: Given) -> None:
    browser = submitted(given)
    answer = browser.post(f"{given.base}/submit", SIGNED)
    assert answer.status_code == 409
    assert "This questionnaire has been submitted already" in answer.text
    assert len(every(given, Submission)) == 1


def test_a_late_save_is_refused_and_shows_what_was_typed(given: Given) -> None:
    browser = given.browser()
    fill(browser, given)
    opened = browser.card_fields(given.section("one"))
    sign(browser, given)
    body = {**opened, "a.one.days": "12", "n.one.days": "canary-typed"}
    answer = browser.post(given.section("one"), body)
    assert answer.status_code == 409
    assert "canary-typed" in answer.text
    assert "12 days" in answer.text
    headers = {"Accept": "application/json", "X-CSRF-Token": browser.token()}
    answer = browser.client.post(f"{given.section('one')}/answer", data=body, headers=headers)
    assert answer.status_code == 409
    assert "submitted" in answer.get_json()["message"]
    assert given.stored()["one.days"] == (1, "31")


def test_sealed_answers_are_text_and_never_fields(given: Given) -> None:
    browser = submitted(given)
    page = browser.get(given.section("one")).text
    assert "31 days" in page
    assert "There are no doors." in page
    assert "canary-hidden" not in page
    assert not re.search(r"<(textarea|select|fieldset)|disabled", page)


# ------------------------------------------------------------------------------------------- letters and receipt


def test_the_receipt_shows_the_hash_and_the_letters_carry_it(given: Given) -> None:
    browser = given.browser()
    fill(browser, given)
    sign(browser, given)
    digest = one(given, Submission).submission_hash
    page = browser.get(f"{given.base}/receipt").text
    assert digest in page
    assert "Tomasz Wilk, Managing director" in page
    assert "it fits" in page
    letters = {(letter.kind, letter.recipient): letter for letter in every(given, Message)}
    receipt = letters["receipt", given.owner.person.email]
    assert digest in receipt.text
    assert digest in receipt.html
    assert f"{given.base}/receipt" in receipt.text
    notice = next(
        letter for kind, letter in ((k, v) for (k, _to), v in letters.items()) if kind == "submitted"
    )
    assert notice.recipient.startswith("ciso@")
    assert f"/o/{given.organisation.slug}/assessments/{given.assessment_id}/result" in notice.text


def test_everything_or_nothing(given: Given) -> None:
    """A consequence that fails takes the seal, the rating and the letters with it."""
    browser = given.browser()
    fill(browser, given)
    before = len(every(given, Message))

    def fail(*_arguments: Any) -> None:
        raise RuntimeError("a later feature failed")

    kept: tuple[Callable[..., None], ...] = given.app.consequences
    given.app.consequences = (*kept, fail)
    try:
        with pytest.raises(RuntimeError, match="a later feature failed"):
            sign(browser, given)
    finally:
        given.app.consequences = kept
    assert every(given, Submission) == []
    assert len(every(given, Message)) == before
    assert given.assessment().state == "open"


def test_the_organisation_reads_the_seal_and_never_the_draft(given: Given) -> None:
    from portal.access import OrganisationRole

    submitted(given)
    reviewer: Identity = given.organisation[OrganisationRole.REVIEWER]
    with given.database.looking(Scope(organisation_id=given.organisation.id)) as session:
        assessment = queries.assessment(session, reviewer, given.assessment_id)
        found = queries.submission(session, reviewer, assessment)
        assert queries.verify(session, reviewer, found).sound
        with pytest.raises(LookupError):
            queries.rows(session, reviewer, given.assessment_id)
    assert found.sealed_at == NOW
