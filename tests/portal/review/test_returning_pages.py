"""The pages of a return without scripts, on both sides: choosing, answering, what stands, every closed door."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from html import unescape

import pytest

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import delegation
from portal.assessments import queries as assessment_queries
from portal.review.marking import Wish
from portal.web import Portal
from tests.portal.assessments.workbooks import build, tables
from tests.portal.review import rounds as at
from tests.portal.review.given import Reviewed
from tests.portal.review.test_workspace import Desk
from tests.portal.world import NOW, Browser, signed_in

CLOUD, MFA, ADMIN, PLAN, PATCH, LOGS, HIDDEN = (
    f"own.rich.{one}" for one in ("cloud", "mfa", "admin", "plan", "patch", "logs", "cloud_keys")
)


@pytest.fixture
def desk(app: Portal, given: Reviewed) -> Desk:
    return Desk(app, given)


@pytest.fixture
def owner(app: Portal, given: Reviewed) -> Browser:
    return signed_in(app, given.owner)


def base(given: Reviewed) -> str:
    return f"/c/{given.issued.company.slug}/assessments/{given.issued.assessment}"


def field(key: str, name: str, value: str, revision: int = 0) -> dict[str, str]:
    """A card of a section page as it posts itself."""
    return {f"{name}.{key}": value, f"r.{key}": str(revision)}


def test_the_reviewer_ticks_says_why_and_takes_back(app: Portal, desk: Desk, given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Contractors are people, too."))
    assert f"{desk.base}/return" in desk.page()
    page = desk.page("/return")
    assert re.search(rf'value="{MFA}" checked', page), "what was judged against the vendor is ticked"
    assert "Contractors are people, too." in page
    assert "One mark is in no rating yet" in page
    assert "in spite of its condition" in page, "what was not asked can be returned"

    form = {"keys": [MFA, HIDDEN], "text": "", "due": "yesterday", "seen": given.case().unwritten}
    form[f"reason-{MFA}"] = "Words that stay."
    answer = desk.browser.post(f"{desk.base}/return", data=form)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert "Words that stay." in text
    assert re.search(rf'value="{HIDDEN}" checked', text)
    assert len(given.ratings()) == 1

    form |= {"text": at.WHY, "due": at.DUE.isoformat()}
    assert desk.browser.post(f"{desk.base}/return", data={**form, "seen": "0" * 64}).status_code == 409
    assert desk.browser.post(f"{desk.base}/return", data=form).status_code == 303
    assert len(given.ratings()) == 2
    page = desk.page("/return")
    assert "2 questions came back" in page
    assert "Words that stay." in page
    assert "chosen questions came back" in desk.page()
    assert desk.browser.post(f"{desk.base}/return", data=form).status_code == 303, "pressed twice"
    assert desk.browser.post(f"{desk.base}/return", data={**form, "keys": [PLAN]}).status_code == 409
    auditor = signed_in(app, given.organisation[OrganisationRole.AUDITOR])
    assert auditor.get(f"{desk.base}/return").status_code == 200
    assert auditor.post(f"{desk.base}/return/withdraw").status_code == 403
    assert desk.browser.post(f"{desk.base}/return/withdraw").status_code == 303
    assert at.assessment(given).state == "submitted"
    assert desk.browser.post(f"{desk.base}/return/withdraw").status_code == 303, "pressed twice"


def test_the_vendor_answers_exactly_what_came_back(owner: Browser, given: Reviewed) -> None:
    at.give_back(given, [MFA, HIDDEN], reasons={MFA: "Who signs in without it?"})
    here = base(given)
    page = unescape(owner.get(here).text)
    for words in (
        "2 questions came back, the rest stands",
        at.WHY,
        "Who signs in without it?",
        "What stands",
    ):
        assert words in page, words
    section = unescape(owner.get(f"{here}/sections/access").text)
    assert "Who signs in without it?" in section
    assert f'id="q-{MFA}"' in section
    assert f'name="r.{HIDDEN}"' in section
    assert f'name="r.{ADMIN}"' not in section, "what stands is no field"
    assert "The rest of this section stands" in section
    standing = owner.get(f"{here}/sections/care")
    assert standing.status_code == 200
    assert "<textarea" not in standing.text
    assert "We restore from tape" in unescape(standing.text)
    assert "Something is missing" not in owner.get(f"{here}/missing").text
    assert HIDDEN in owner.get(f"{here}/missing").text

    data = {**field(MFA, "a", "yes", 1), **field(HIDDEN, "a", "some")}
    assert owner.post(f"{here}/sections/access", data={**data, "go": "next"}).status_code == 303
    draft = at.draft(given)
    assert (draft.contents[MFA].value, draft.contents[HIDDEN].value) == ("yes", "some")
    page = unescape(owner.get(f"{here}/submit").text)
    assert "Nothing of this section came back" in page
    seen = re.findall(r'name="seen" value="([0-9a-f]{64})"', page)[0]
    signed = {"name": "Tomasz Wilk", "role": "Head", "agreed": "y", "seen": seen}
    assert owner.post(f"{here}/submit", data=signed).status_code == 303
    receipt = unescape(owner.get(f"{here}/receipt").text)
    assert "2 questions had come back" in receipt
    assert "The months count from" in receipt


def test_no_door_changes_what_stands(app: Portal, owner: Browser, given: Reviewed) -> None:
    at.give_back(given, [MFA])
    here, before = base(given), at.draft(given).contents
    posts = {
        f"{here}/sections/care": {**field(LOGS, "a", "no", 1)},
        f"{here}/sections/care/answer": {**field(LOGS, "a", "no", 1)},
        f"{here}/sections/access": {**field(ADMIN, "a", "no", 1)},
        f"{here}/sections/access/answer": {**field(ADMIN, "a", "no", 1)},
        f"{here}/sections/care/questions/{LOGS}/evidence": {"title": "x", "kind": "policy"},
        f"{here}/sections/access/questions/{ADMIN}/evidence": {"title": "x", "kind": "policy"},
        f"{here}/sections/access/questions/{ADMIN}/evidence/attach": {"documents": str(given.submission)},
        f"{here}/sections/access/questions/{ADMIN}/evidence/{given.submission}/withdraw": {},
    }
    for path, data in posts.items():
        assert owner.post(path, data=data).status_code in (404, 422), path
    assert owner.get(f"{here}/sections/access/questions/{ADMIN}/evidence").status_code == 404
    page = owner.get(f"{here}/delegations/new")
    assert page.status_code == 200
    assert f'value="{MFA}"' in page.text
    assert f'value="{LOGS}"' not in page.text, "what stands cannot be given away"
    book = owner.get(f"{here}/workbook.xlsx")
    assert book.status_code == 200
    sheets = tables(book.get_data())
    cells = {str(cell) for rows in sheets.values() for row in rows for cell in row}
    assert any("Only what Halden has returned to you" in one for one in cells)
    assert "This round asks only what Halden has returned" in owner.get(f"{here}/workbook").text
    assert MFA in cells
    assert LOGS not in cells
    # The workbook of a round with a question that stands written into it.
    forged = {
        name: [[LOGS if cell == MFA else cell for cell in row] for row in rows]
        for name, rows in sheets.items()
    }
    file = (io.BytesIO(build(forged)), "forged.xlsx")
    answer = owner.post(f"{here}/workbook", data={"file": file})
    assert answer.status_code in (303, 422)
    if answer.status_code == 303:
        page = unescape(owner.get(answer.location).text)
        assert "There is no such question among yours" in page
        assert owner.post(answer.location, data={"take": LOGS}).status_code in (303, 409, 422)
    assert at.draft(given).contents == before


def test_who_was_given_other_questions_has_nothing_to_do(app: Portal, given: Reviewed) -> None:
    helper = given.issued.company[CompanyRole.CONTRIBUTOR]
    at.give_back(given, [MFA])
    with given.database.transaction(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment, lock=True)
        delegation.to_colleague(
            session, one, helper.person.id, [LOGS], actor=given.owner, now=NOW, tell=False
        )
    browser = signed_in(app, helper)
    page = browser.get(f"{base(given)}/mine")
    assert "none of yours" in unescape(page.text)
    assert browser.post(f"{base(given)}/sections/care", data=field(LOGS, "a", "no", 1)).status_code == 404
    assert browser.get(f"{base(given)}/sections/access").status_code == 404
    assert browser.get(f"{base(given)}/sections/care").status_code == 200, (
        "their own answer stands to be read"
    )


def test_a_changed_gate_tells_the_page_to_draw_itself_anew(owner: Browser, given: Reviewed) -> None:
    at.give_back(given, [CLOUD], now=NOW + timedelta(minutes=1))
    answer = owner.post(f"{base(given)}/sections/gates/answer", data=field(CLOUD, "a", "yes", 1))
    assert answer.status_code == 200
    assert answer.get_json()["progress"]["total"] == 2
    page = unescape(owner.get(base(given)).text)
    assert "It is asked because of what you answer now" in page
