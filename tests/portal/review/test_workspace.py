"""The pages of a review without scripts: the queue, the question, its mark, what is refused, what is written."""

from __future__ import annotations

import re
import uuid
from html import unescape

import pytest

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.drafts import Content
from portal.review.marking import Wish
from portal.web import Portal
from tests.portal.review.given import Reviewed
from tests.portal.world import Browser, signed_in

MFA, PLAN, PATCH, LOGS = (f"own.rich.{one}" for one in ("mfa", "plan", "patch", "logs"))


class Desk:
    """A reviewer's browser at one submission."""

    def __init__(
        self, app: Portal, given: Reviewed, role: OrganisationRole = OrganisationRole.REVIEWER
    ) -> None:
        self.given = given
        self.browser: Browser = signed_in(app, given.organisation[role])
        self.base = f"/o/{given.organisation.slug}/reviews/{given.submission}"

    def page(self, query: str = "") -> str:
        answer = self.browser.get(self.base + query)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    def mark(self, key: str, mark: str, **fields: str):  # type: ignore[no-untyped-def]  # a test response
        seen = fields.pop("seen", self.given.case().token((key, fields.get("document", ""))))
        data = {"key": key, "mark": mark, "seen": seen, "document": "", "show": "all", **fields}
        return self.browser.post(f"{self.base}/marks", data=data)

    def step(self, what: str, seen: str | None = None):  # type: ignore[no-untyped-def]  # a test response
        seen = self.given.case().unwritten if seen is None else seen
        return self.browser.post(f"{self.base}/steps", data={"do": what, "seen": seen})


@pytest.fixture
def desk(app: Portal, given: Reviewed) -> Desk:
    return Desk(app, given)


def listed(page: str) -> list[str]:
    """The numbers of the questions in the list."""
    rail = page[page.index('class="qlist"') : page.index("</ul>", page.index('class="qlist"'))]
    return re.findall(r'<span class="count">([\d.]+)</span>', rail)


def test_the_queue_names_what_waits_and_what_is_done(desk: Desk, given: Reviewed) -> None:
    queue = f"/o/{given.organisation.slug}/reviews"
    text = desk.browser.get(queue).text
    assert "Fennmark" in text
    assert "Nobody has begun" in text
    assert str(given.submission) in text
    desk.mark(MFA, "accepted")
    assert "one mark unwritten" in desk.browser.get(f"{queue}?state=unwritten").text
    assert str(given.submission) in desk.browser.get(f"{queue}?state=mine&tier=critical&q=fenn").text
    assert str(given.submission) not in desk.browser.get(f"{queue}?tier=low").text
    desk.step("finish")
    assert str(given.submission) not in desk.browser.get(queue).text
    assert str(given.submission) in desk.browser.get(f"{queue}?state=finished&sort=vendor&down=1").text
    for sort in ("tier", "submitted", "due", "vendor"):
        rows = desk.browser.get(f"{queue}.csv?state=all&sort={sort}").get_data(as_text=True).splitlines()
        assert len(rows) == 2
        assert "Fennmark" in rows[1]


def test_a_mark_is_saved_and_the_next_question_of_the_filter_opens(desk: Desk, given: Reviewed) -> None:
    numbers = listed(desk.page("?show=lost"))
    assert numbers
    answer = desk.mark(MFA, "challenged", reason="Which contractors?", remark="Tell Ruth.", show="lost")
    assert answer.status_code == 303
    following = given.case()
    assert following.drafts[MFA, ""].reason == "Which contractors?"
    assert "show=lost" in answer.location
    assert f"q={MFA}" not in answer.location
    page = desk.page(f"?show=waiting&q={MFA}")
    assert listed(page) == ["2.1"]
    for word in ("Which contractors?", "Tell Ruth.", "Write one mark into the rating", "Challenged"):
        assert word in page


@pytest.mark.parametrize(
    ("mark", "fields", "sentence"),
    [
        ("", {}, "Choose a mark first"),
        ("challenged", {}, "Write why"),
        ("graded", {"points": "many", "reason": "Some of it."}, "whole points"),
        ("graded", {"points": "101", "reason": "Some of it."}, "whole points"),
        ("na_accepted", {"reason": "Kept words."}, "cannot stand"),
        ("exempt", {"reason": "Kept words."}, "Choose the certificate"),
        ("exempt", {"reason": "Kept words.", "certificate": str(uuid.UUID(int=3))}, "Choose a document"),
    ],
)
def test_what_is_refused_keeps_what_was_typed(
    desk: Desk, given: Reviewed, mark: str, fields: dict[str, str], sentence: str
) -> None:
    answer = desk.mark(MFA, mark, remark="My remark.", **fields)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert sentence in text
    for word in ("My remark.", *fields.values()):
        assert word in text or word.startswith("0000")
    assert given.case().drafts == {}


def test_a_stale_form_is_answered_with_both(desk: Desk, given: Reviewed) -> None:
    given.save(Wish(MFA, "disproved", reason="Seen the contract."))
    answer = desk.mark(MFA, "challenged", reason="My own words.", seen="")
    assert answer.status_code == 409
    text = unescape(answer.text)
    assert "Seen the contract." in text
    assert "My own words." in text
    again = desk.mark(MFA, "challenged", reason="My own words.")
    assert again.status_code == 303


def test_marks_are_written_finished_and_opened_again(desk: Desk, given: Reviewed) -> None:
    assert desk.step("write").status_code == 409
    desk.mark(PLAN, "graded", points="60", reason="Tape is slow.")
    page = desk.page()
    assert "graded 60" in page
    assert "not yet" in page
    assert desk.step("write").status_code == 303
    assert "Write one mark" not in desk.page()
    assert desk.step("take").status_code == 303
    assert desk.step("finish").status_code == 303
    assert "This review was finished" in desk.page()
    assert desk.step("resume").status_code == 303
    assert desk.step("perhaps").status_code == 404
    desk.mark(MFA, "accepted")
    assert desk.step("discard").status_code == 303
    assert given.case().drafts == {}


def test_a_mark_is_taken_back(desk: Desk, given: Reviewed) -> None:
    desk.mark(MFA, "accepted")
    assert desk.mark(MFA, "", do="withdraw").status_code == 303
    assert given.case().drafts == {}


def test_an_internal_note_is_kept(desk: Desk, given: Reviewed) -> None:
    notes = f"{desk.base}/notes"
    assert desk.browser.post(notes, data={"key": MFA, "text": "", "show": "all"}).status_code == 422
    assert (
        desk.browser.post(
            notes, data={"key": MFA, "text": "We could live with it.", "show": "all"}
        ).status_code
        == 303
    )
    assert "We could live with it." in desk.page(f"?q={MFA}")
    assert "We could live with it." not in desk.page(f"?q={PLAN}")


def test_what_was_said_last_time_stands_beside(app: Portal, given: Reviewed) -> None:
    given.save(Wish(PLAN, "graded", points=60, reason="Tape is slow."))
    given.write()
    later = given.again({MFA: Content("answered", "yes", "Contractors came this year.")})
    desk = Desk(app, later)
    page = desk.page(f"?show=changed&q={MFA}")
    assert listed(page) == ["2.1"]
    assert "<del>come next " in page
    assert "<ins>came this " in page
    assert "The answer has changed since" in page
    kept = desk.page(f"?q={PLAN}")
    assert "Kept from the round before" in kept
    assert "The answer is the same as then" in kept
    assert "nothing can be marked here" in Desk(app, given).page()


@pytest.mark.parametrize("role", [OrganisationRole.AUDITOR, OrganisationRole.PROCUREMENT])
def test_who_only_reads_is_offered_nothing_to_press(
    app: Portal, given: Reviewed, role: OrganisationRole
) -> None:
    given.save(Wish(MFA, "challenged", reason="Which?", remark="Ours."))
    desk = Desk(app, given, role)
    page = desk.page(f"?q={MFA}")
    assert "Which?" in page
    assert "Ours." in page
    assert 'name="mark"' not in page
    assert "review.js" not in page
    assert desk.mark(MFA, "accepted").status_code == 403


def test_the_vendor_reads_marks_and_reasons_once_they_are_written(app: Portal, given: Reviewed) -> None:
    vendor = signed_in(app, given.issued.company[CompanyRole.OWNER])
    address = f"/c/{given.issued.company.slug}/assessments/{given.issued.assessment}/answers"
    given.save(Wish(MFA, "challenged", reason="Which contractors?", remark="They lie."))
    assert "Which contractors?" not in vendor.get(address).text
    given.write()
    text = vendor.get(address).text
    assert "Challenged by the reviewer" in text
    assert "Which contractors?" in text
    assert "They lie." not in text


def test_keys_are_switched_off_by_a_person_for_every_page(desk: Desk) -> None:
    assert "review.js" in desk.page()
    assert desk.browser.post("/account/keys", data={}).status_code == 303
    page = desk.page()
    assert "review.js" not in page
    assert "<kbd>" not in page
    assert 'name="keys" value="1"' in desk.browser.get("/account").text
    desk.browser.post("/account/keys", data={"keys": "1"})
    assert "review.js" in desk.page()


def test_a_question_that_is_not_there_opens_the_first(desk: Desk) -> None:
    assert "own.rich.cloud" in desk.page("?q=own.rich.none&show=nonsense")
