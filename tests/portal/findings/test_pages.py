"""The pages of findings without scripts: what each side reads and does, what is refused, and what stays hidden."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import pytest

from portal.access import CompanyRole, OrganisationRole
from portal.findings.models import Finding
from portal.web import Portal
from tests.portal.findings.given import LOGS, SOON, STEPS, Found
from tests.portal.world import Browser, signed_in


class Sides:
    """A reviewer's and a vendor's browser."""

    def __init__(self, app: Portal, given: Found) -> None:
        self.app, self.given = app, given
        self.ours: Browser = signed_in(app, given.reviewer)
        self.theirs: Browser = signed_in(app, given.owner)
        self.o = f"/o/{given.organisation.slug}/findings"
        self.c = f"/c/{given.issued.company.slug}/findings"

    def step(
        self, one: Finding, what: str, status: int = 303, browser: Browser | None = None, **fields: Any
    ) -> str:
        fields.setdefault("seen", str(self.now(one).revision))
        answer = (browser or self.ours).post(f"{self.o}/{one.id}/steps", data={"do": what, **fields})
        assert answer.status_code == status, words(answer.text)
        return unescape(answer.text)

    def say(
        self, one: Finding, what: str, status: int = 303, browser: Browser | None = None, **fields: Any
    ) -> str:
        fields.setdefault("seen", str(self.now(one).revision))
        answer = (browser or self.theirs).post(f"{self.c}/{one.id}", data={"do": what, **fields})
        assert answer.status_code == status, words(answer.text)
        return unescape(answer.text)

    def now(self, one: Finding) -> Finding:
        return next(each for each in self.given.all() if each.id == one.id)

    def plan(self, one: Finding, **more: Any) -> str:
        fields = {"owner": str(self.given.helper.person.id), "due": SOON.isoformat(), "text": "We buy keys."}
        return self.say(one, "plan", **(fields | more))


def drawn(page: str) -> dict[str, str]:
    """What a page says that it was drawn from."""
    return dict(re.findall(r'name="(seen|shown|unwritten)" type="hidden" value="([^"]*)"', page))


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def sides(app: Portal, given: Found) -> Sides:
    return Sides(app, given)


def test_the_list_narrows_and_counts(sides: Sides) -> None:
    page = words(sides.ours.get(sides.o).text)
    assert "All that stand 3" in page
    assert "Without a plan 3" in page
    assert page.index("Failed knock-out") < page.index("People who were never trained click.")
    sides.plan(sides.given.one("finding:", STEPS))
    assert "Waiting for you 1" in words(sides.ours.get(f"{sides.o}?state=waits").text)
    narrowed = words(sides.ours.get(f"{sides.o}?severity=high").text)
    assert "One finding fits." in narrowed
    assert "One stolen password" not in narrowed
    assert "No finding fits this filter." in words(sides.ours.get(f"{sides.o}?q=nobody").text)
    assert "Fennmark" in words(sides.ours.get(f"{sides.o}?q=fenn&sort=vendor&down=1").text)


def test_the_list_as_a_file_holds_no_formula(sides: Sides) -> None:
    answer = sides.ours.get(f"{sides.o}.csv")
    rows = answer.get_data(as_text=True).splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("\N{ZERO WIDTH NO-BREAK SPACE}vendor,engagements,finding")
    assert all(row.startswith("Fennmark,Archive,") for row in rows[1:])


def test_a_vendor_plans_and_proves_and_a_reviewer_grades(sides: Sides) -> None:
    one = sides.given.one("knockout")
    home = words(sides.theirs.get(f"/c/{sides.given.issued.company.slug}/").text)
    assert "3 findings wait for you" in home
    page = words(sides.theirs.get(f"{sides.c}/{one.id}").text)
    assert "Good answers elsewhere do not make up for it." in page
    assert "Poor" not in page, "what the vendor sees of the result is the organisation's setting"
    sides.plan(one)
    assert "You have proposed" in words(sides.theirs.get(f"{sides.c}/{one.id}").text)
    waits = words(sides.ours.get(f"{sides.o}/{one.id}").text)
    assert "The vendor proposes a plan" in waits
    assert "We buy keys." in waits
    sides.step(one, "agree", text="Good.")
    helper = signed_in(sides.app, sides.given.helper)
    assert "Good." in words(helper.get(f"{sides.c}/{one.id}").text)
    sides.say(one, "proof", browser=helper, proof="Everybody has a key.")
    offer = sides.ours.get(f"{sides.o}/{one.id}").text
    assert "With 100 points the score becomes 83.3 instead of 50.0." in words(offer)
    assert "With 60 points the score becomes 70.0" in words(sides.step(one, "preview", 200, points="60"))
    sides.step(one, "accept", grade="1", **(drawn(offer) | {"points": "100"}))
    assert (sides.now(one).state, sides.now(one).closed_how) == ("closed", "fixed")
    assert "It is closed." in words(sides.theirs.get(f"{sides.c}/{one.id}").text)
    result = f"/o/{sides.given.organisation.slug}/assessments/{one.assessment_id}/result"
    assert "83.3" in words(sides.ours.get(result).text)


def test_input_is_kept_where_something_is_missing(sides: Sides) -> None:
    one = sides.given.one("knockout")
    page = sides.plan(one, due="", text="Words that must not be lost.", status=422)
    assert "Words that must not be lost." in page
    assert "Choose the day by which it will be settled." in page
    page = sides.say(one, "proof", 422, proof="")
    assert "Say what was done" in page
    page = sides.step(one, "close", 422, how="", closing_reason="A reason to keep.")
    assert "A reason to keep." in page
    assert "Choose how it ends." in page
    assert sides.now(one).revision == 1


def test_absurd_numbers_are_refused_like_any_word(sides: Sides) -> None:
    one, absurd = sides.given.one("knockout"), "9" * 5_000
    refused = sides.say(one, "plan", 422, seen=absurd, text="Words that must not be lost.")
    assert "Words that must not be lost." in refused
    sides.plan(one)
    sides.step(one, "agree", text="Good.")
    sides.say(one, "proof", browser=signed_in(sides.app, sides.given.helper), proof="Everybody has a key.")
    assert "Write whole points from 0 to 100." in words(sides.step(one, "preview", 422, points=absurd))


def test_a_stale_page_keeps_its_words_and_changes_nothing(sides: Sides) -> None:
    one = sides.given.one("finding:")
    page = sides.step(one, "severity", 409, seen="0", severity="low", severity_reason="My words.")
    assert "Something has happened to this finding" in page
    assert "My words." in page
    assert sides.now(one).severity == "critical"


def test_roles_that_only_read(sides: Sides) -> None:
    one = sides.given.one("knockout")
    sides.plan(one)
    auditor = signed_in(sides.app, sides.given.organisation[OrganisationRole.AUDITOR])
    page = words(auditor.get(f"{sides.o}/{one.id}").text)
    assert "The vendor proposes a plan" in page
    assert "Agree to the plan" not in page
    sides.step(one, "agree", 403, browser=auditor)
    owner = signed_in(sides.app, sides.given.organisation[OrganisationRole.BUSINESS_OWNER])
    assert owner.get(f"{sides.o}/{one.id}").status_code == 404, "the engagement is somebody else's"
    assert "No finding stands." in words(owner.get(sides.o).text)


def test_internal_notes_and_wishes_to_close_never_reach_the_vendor(sides: Sides) -> None:
    one = sides.given.one("knockout")
    sides.step(one, "note", note="Between ourselves only.")
    sides.step(one, "close", how="no_fault", closing_reason="A wish that waits.")
    page = sides.theirs.get(f"{sides.c}/{one.id}").text
    assert "Between ourselves" not in page
    assert "A wish that waits." not in page
    ours = sides.ours.get(f"{sides.o}/{one.id}").text
    assert "Between ourselves only." in ours
    ciso = signed_in(sides.app, sides.given.ciso)
    held = re.search(r'name="closing" value="([^"]+)"', ciso.get(f"{sides.o}/{one.id}").text)
    assert held is not None
    sides.step(one, "approve", browser=ciso, closing=held[1])
    assert "A wish that waits." in sides.theirs.get(f"{sides.c}/{one.id}").text, "the reason why it is closed"


def test_a_document_is_uploaded_given_and_opened_by_both(sides: Sides) -> None:
    one = sides.given.one("knockout")
    file = (io.BytesIO(b"Bill for 40 keys\n"), "bill.txt")
    answer = sides.theirs.post(
        f"{sides.c}/{one.id}/documents", data={"file": file, "kind": "other", "title": "Bill"}
    )
    assert answer.status_code == 303, words(answer.text)
    page = sides.theirs.get(answer.headers["Location"]).text
    ticked = re.search(r'name="documents" value="([^"]+)" checked', page)
    assert ticked is not None
    sides.say(one, "proof", proof="Bought.", documents=ticked[1])
    for browser, base in ((sides.ours, sides.o), (sides.theirs, sides.c)):
        opened = browser.get(f"{base}/{one.id}/documents/{ticked[1]}")
        assert opened.get_data() == b"Bill for 40 keys\n"
    other = sides.given.one("finding:")
    assert sides.ours.get(f"{sides.o}/{other.id}/documents/{ticked[1]}").status_code == 404


def test_a_finding_by_hand_stands_beside_its_question(sides: Sides) -> None:
    review = f"/o/{sides.given.organisation.slug}/reviews/{sides.given.submission}"
    assert "Add a finding about this question" in words(sides.ours.get(f"{review}?q={LOGS}").text)
    new = f"{review}/findings/new"
    assert sides.ours.get(f"{new}?q=own.kept.nothing").status_code == 404
    assert sides.ours.post(new, data={"q": LOGS, "severity": "", "text": "x"}).status_code == 422
    answer = sides.ours.post(new, data={"q": LOGS, "severity": "low", "text": "Nobody reads them."})
    assert answer.status_code == 303
    assert "Nobody reads them." in words(sides.ours.get(f"{review}?q={LOGS}").text)
    engagement = f"/o/{sides.given.organisation.slug}/engagements/{sides.given.issued.engagements[0]}"
    assert "Nobody reads them." in words(sides.ours.get(engagement).text)
    assert "Nobody reads them." in words(sides.theirs.get(sides.c).text)


def test_merged_findings_lead_to_the_one_that_stays(sides: Sides) -> None:
    one, other = sides.given.one("knockout"), sides.given.one("finding:")
    page = sides.step(one, "merge", 422, other="")
    assert "Choose the finding that goes into this one." in page
    sides.step(one, "merge", other=str(other.id))
    for browser, base in ((sides.ours, sides.o), (sides.theirs, sides.c)):
        answer = browser.get(f"{base}/{other.id}")
        assert answer.headers["Location"].endswith(f"{base}/{one.id}")
    assert "Merged into it: One stolen password is enough." in words(
        sides.ours.get(f"{sides.o}/{one.id}").text
    )


def test_unknown_steps_and_other_peoples_findings_are_not_found(sides: Sides) -> None:
    one = sides.given.one("knockout")
    sides.step(one, "explode", 404)
    sides.say(one, "explode", 404)
    helper = signed_in(sides.app, sides.given.issued.company[CompanyRole.CONTRIBUTOR])
    sides.say(one, "proof", 404, browser=helper, proof="Done.")


def test_the_score_moves_by_nothing_but_a_written_mark(sides: Sides) -> None:
    one = sides.given.one("knockout")
    result = f"/o/{sides.given.organisation.slug}/assessments/{one.assessment_id}/result"

    def says() -> str:
        return words(sides.ours.get(result).text).partition("What the sealed answers")[2]

    before = says()
    sides.plan(one)
    sides.step(one, "agree")
    sides.say(one, "proof", proof="Done.")
    sides.step(one, "accept")
    assert "50.0" in before
    assert says() == before
