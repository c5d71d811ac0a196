"""The pages of a contract schedule, its annex in both forms, signed contracts, and the organisation's clause texts."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256

import pytest
from docx import Document
from docx.oxml.ns import qn
from sqlalchemy import select, update

from portal.access import OrganisationRole
from portal.audit.models import Event
from portal.contracts import annex
from portal.contracts.clauses import Part, filled
from portal.contracts.schedule_models import ContractFile, WaiverProposal
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.storage import open_storage
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from tests.portal.contracts.annex_forms import DOCX, HTML, Form, Tags
from tests.portal.contracts.test_schedule import Given, given  # noqa: F401  # the fixture
from tests.portal.evidence.files import PDF
from tests.portal.world import NOW, Browser, make_organisation, signed_in

PROCUREMENT, CISO, ADMIN = OrganisationRole.PROCUREMENT, OrganisationRole.CISO, OrganisationRole.ADMIN
REVIEWER, AUDITOR = OrganisationRole.REVIEWER, OrganisationRole.AUDITOR
HOSTILE = "<script>x</script> =1+1 & {value} \x0b\ufffe"


class Desk:
    """One person at the schedule of an engagement."""

    def __init__(self, app: Portal, case: Given, role: OrganisationRole) -> None:
        self.browser: Browser = signed_in(app, case.place[role])
        self.case = case
        self.base = f"/o/{case.place.slug}/engagements/{case.engagement}/schedule"

    def item(self, key: str) -> str:
        return f"{self.base}/items/{self.case.line(key).item.id}"

    def step(self, key: str, do: str, **fields: str) -> int:
        seen = str(self.case.line(key).sequence)
        answer = self.browser.post(self.item(key), {"do": do, "step-seen": seen} | fields)
        return int(answer.status_code)


@pytest.fixture
def buyer(app: Portal, given: Given) -> Desk:  # noqa: F811  # the fixture
    return Desk(app, given, PROCUREMENT)


def test_the_schedule_lists_points_reasons_sources_and_clauses(buyer: Desk) -> None:
    page = buyer.browser.get(buyer.base).text
    for line in buyer.case.read().called[:3]:
        assert line.point.title in page
        assert line.point.citations[0].split()[0] in page
    assert "[number to agree]" in page
    assert "{value}" not in page
    assert "{vendor}" not in page
    assert page.count("<th scope=") > 4
    assert "Put into a contract" in page


def test_a_point_goes_forward_and_back_by_forms(buyer: Desk) -> None:
    key = buyer.case.plain()
    assert "Proposed to the vendor" in buyer.browser.get(buyer.item(key)).text
    assert buyer.step(key, "proposed") == 303
    assert buyer.step(key, "agreed") == 303
    refused = buyer.browser.post(buyer.item(key), {"do": "flagged", "step-seen": "2", "step-reason": ""})
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert buyer.step(key, "flagged", **{"step-reason": "<b>They</b> withdrew."}) == 303
    assert "&lt;b&gt;They" in buyer.browser.get(buyer.item(key)).text
    stale = buyer.browser.post(
        buyer.item(key), {"do": "proposed", "step-seen": "0", "step-reason": "Kept words."}
    )
    assert stale.status_code == 409
    assert "Kept words." in stale.text
    assert buyer.step(key, "nonsense") == 409
    assert buyer.step(key, "proposed", **{"step-reason": "a\x00b"}) == 422


def test_a_signed_contract_is_uploaded_opened_and_on_record(
    buyer: Desk, app: Portal, database: Database, settings: Settings
) -> None:
    key = buyer.case.plain()
    pick = f"{buyer.case.line(key).item.id}:0"
    fields = {
        "pick": pick,
        "reference": "HM-2023-118, § 14",
        "signed": NOW.date().isoformat(),
        "known": "new",
    }
    path = f"{buyer.base}/contract"
    assert f'value="{pick}"' in buyer.browser.get(path).text
    for wrong, sentence in (
        ({"reference": ""}, "Write what the contract is called"),
        ({"signed": (NOW.date() + timedelta(days=1)).isoformat()}, "still to come"),
        ({"signed": "soon"}, "Write a day as"),
        ({"pick": "nonsense"}, "Choose at least one"),
    ):
        answer = buyer.browser.post(path, fields | wrong | {"file": (io.BytesIO(PDF), "contract.pdf")})
        assert answer.status_code == 422, sentence
        assert sentence in answer.text
    assert "Choose the signed contract" in buyer.browser.post(path, fields).text
    page = buyer.browser.post(path, fields | {"file": (io.BytesIO(b"MZ"), "contract.exe")})
    assert page.status_code == 422
    assert list(open_storage(settings).keys()) == []
    done = buyer.browser.post(path, fields | {"file": (io.BytesIO(PDF), "contract.pdf")})
    assert done.status_code == 303
    assert buyer.case.line(key).standing.holds
    with database.looking(SYSTEM) as session:
        file = session.scalars(select(ContractFile)).one()
    answer = Desk(app, buyer.case, AUDITOR).browser.get(f"{buyer.base}/files/{file.id}")
    assert answer.get_data() == PDF
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    other = buyer.case.read().called
    second = next(one for one in other if not one.lacks_value and one.item.key != key)
    again = {"pick": f"{second.item.id}:0", "known": str(file.id)}
    assert buyer.browser.post(path, fields | again).status_code == 303
    assert buyer.browser.post(path, fields | again).status_code == 409  # somebody was there already
    (stored,) = open_storage(settings).keys()
    third = next(
        one
        for one in other
        if not one.lacks_value and one.item.id not in {second.item.id, buyer.case.line(key).item.id}
    )
    pressed = fields | {"pick": f"{third.item.id}:0", "file": (io.BytesIO(PDF), "contract.pdf")}
    assert buyer.browser.post(path, pressed).status_code == 303
    assert list(open_storage(settings).keys()) == [stored], "the same bytes once more are stored once"
    with database.looking(SYSTEM) as session:
        kinds = [one.kind for one in session.query(Event)]
        assert session.query(ContractFile).count() == 1
    assert kinds.count("contract.file_opened") == 1


def test_two_people_waive_by_their_pages(buyer: Desk, app: Portal, database: Database) -> None:
    key = buyer.case.plain()
    until = (NOW.date() + timedelta(days=30)).isoformat()
    path = f"{buyer.item(key)}/waiver"
    assert buyer.browser.post(path, {"waiver-seen": "0", "waiver-until": until}).status_code == 422
    wish = {"waiver-seen": "0", "waiver-until": until, "waiver-reason": "We look away."}
    assert buyer.browser.post(path, wish).status_code == 303
    assert "Take it back" in buyer.browser.get(buyer.item(key)).text
    with database.looking(SYSTEM) as session:
        waiver = session.scalars(select(WaiverProposal)).one().id
    settle = f"{buyer.base}/waivers/{waiver}"
    assert buyer.browser.post(settle, {"do": "approve"}).status_code == 403
    ciso = Desk(app, buyer.case, CISO)
    assert "Approve: waived" in ciso.browser.get(buyer.item(key)).text
    assert ciso.browser.post(settle, {"do": "nonsense"}).status_code == 409
    assert ciso.browser.post(settle, {"do": "approve"}).status_code == 303
    assert "Waived" in buyer.browser.get(buyer.base).text
    assert ciso.browser.post(settle, {"do": "refuse"}).status_code == 409
    assert buyer.browser.post(f"{settle}/withdraw").status_code == 409


def test_a_reviewer_settles_and_a_second_person_agrees(buyer: Desk, app: Portal) -> None:
    key = buyer.case.open_key()
    reviewer, ciso = Desk(app, buyer.case, REVIEWER), Desk(app, buyer.case, CISO)
    path = f"{buyer.item(key)}/settlement"
    basis = {"settlement-basis": buyer.case.line(key).basis}
    assert reviewer.browser.post(path, basis).status_code == 422
    said = basis | {"settlement-outcome": "not_required", "settlement-reason": "Not ours."}
    assert reviewer.browser.post(path, said).status_code == 303
    waiting = buyer.case.line(key).waiting
    assert waiting is not None
    settle = f"{buyer.base}/settlements/{waiting.id}"
    assert reviewer.browser.post(settle, {"do": "approve"}).status_code == 403
    assert buyer.browser.post(settle, {"do": "approve"}).status_code == 403
    assert ciso.browser.post(settle, {"do": "approve"}).status_code == 303
    assert "Settled by hand" in buyer.browser.get(buyer.base).text
    assert not buyer.case.line(key).called


def test_readers_read_and_owners_see_their_own_only(buyer: Desk, app: Portal) -> None:
    auditor = Desk(app, buyer.case, AUDITOR)
    key = buyer.case.plain()
    for path in (buyer.base, buyer.item(key), f"{buyer.base}.docx", f"{buyer.base}.html"):
        assert auditor.browser.get(path).status_code == 200
    assert (
        "<form" not in auditor.browser.get(buyer.item(key)).text.partition("<main")[2].partition("</main")[0]
    )
    assert auditor.step(key, "proposed") == 403
    owner = Desk(app, buyer.case, OrganisationRole.BUSINESS_OWNER)
    for path in (buyer.base, f"{buyer.base}.docx", f"{buyer.base}.html"):
        assert owner.browser.get(path).status_code == 404


def test_clause_texts_are_written_in_versions(buyer: Desk) -> None:
    key = buyer.case.plain()
    base = f"/o/{buyer.case.place.slug}/clauses"
    assert buyer.browser.get(base).status_code == 200
    path = f"{base}/{key}"
    wrong = buyer.browser.post(path, {"base": "0", "text": "{client} <b>kept</b>"})
    assert wrong.status_code == 422
    assert "{client}" in wrong.text
    assert "&lt;b&gt;kept" in wrong.text
    assert buyer.browser.post(path, {"base": "0", "text": "{vendor} does <i>it</i>."}).status_code == 303
    assert buyer.browser.post(path, {"base": "0", "text": "Other."}).status_code == 409
    assert "yours, version 1" in buyer.browser.get(base).text
    assert "Fennmark does &lt;i&gt;it" in buyer.browser.get(buyer.base).text
    assert buyer.browser.get(f"{base}/no.such").status_code == 404


# ----------------------------------------------------------------------------------------------------------- the annex


BOTH = pytest.mark.parametrize("form", [DOCX, HTML], ids=lambda one: one.ending)


@BOTH
def test_the_annex_holds_every_point_and_is_on_record(buyer: Desk, database: Database, form: Form) -> None:
    assert f'href="{buyer.base}.{form.ending}"' in buyer.browser.get(buyer.base).text
    answer = buyer.browser.get(f"{buyer.base}.{form.ending}")
    assert answer.mimetype == form.media_type
    assert answer.headers["Content-Disposition"] == f"attachment; filename=contract-schedule.{form.ending}"
    called = buyer.case.read().called
    text = form.text(answer.get_data())
    for line in called:
        assert line.point.title in text
        assert line.point.citations[0] in text
    assert not re.search(r"\{\w*\}", text)
    assert "[number to agree]" in text
    with database.looking(SYSTEM) as session:
        taken = session.scalars(select(Event).where(Event.kind == "export.made")).all()
    assert [(one.data["what"], one.data["rows"]) for one in taken] == [("contract_schedule", len(called))]


def test_both_forms_say_the_same_in_the_same_order(buyer: Desk) -> None:
    buyer.case.step(buyer.case.gappy(), "proposed", value="24 hours")
    in_word, on_page = (
        form.blocks(buyer.browser.get(f"{buyer.base}.{form.ending}").get_data()) for form in (DOCX, HTML)
    )
    assert in_word == on_page
    assert "24 hours" in "".join(text for kind, text in on_page if kind == "p")


def test_the_annex_opens_in_word_with_headings_and_a_marked_head_row(buyer: Desk) -> None:
    answer = buyer.browser.get(f"{buyer.base}.docx")
    paper = Document(io.BytesIO(answer.get_data()))
    styles = [one.style.name for one in paper.paragraphs if one.style is not None]
    called = buyer.case.read().called
    assert styles[0] == "Title"
    assert styles.count("Heading 1") == 3
    assert styles.count("Heading 2") == len(called)
    (table,) = paper.tables
    assert len(table.rows) == len(called) + 1
    heads = [row._tr.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None for row in table.rows]
    assert heads == [True] + [False] * len(called)


def test_the_annex_as_html_is_one_file_that_loads_nothing_and_leads_nowhere(buyer: Desk) -> None:
    page = buyer.browser.get(f"{buyer.base}.html").text
    tags = Tags(page).tags
    called = buyer.case.read().called
    assert tags[0] == ("html", {"lang": "en"})
    assert page.count("<title>Contract schedule: ") == 1
    scopes = [found.get("scope") for tag, found in tags if tag == "th"]
    assert scopes == ["col"] * 5 + ["row"] * len(called)
    assert not {tag for tag, _found in tags} & {"a", "link", "script", "img", "form", "button", "input"}
    assert not {name for _tag, found in tags for name in found} & {"href", "src", "style", "id"}
    style = page.partition("<style>")[2].partition("</style>")[0]
    allowed = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": allowed}) in tags
    assert "url(" not in style
    for inside in (buyer.case.place.slug, str(buyer.case.engagement), str(called[0].item.id), "http://"):
        assert inside not in page


@BOTH
def test_a_waived_point_is_not_in_the_annex(buyer: Desk, form: Form) -> None:
    key = buyer.case.plain()
    title = buyer.case.line(key).point.title
    before = form.blocks(buyer.browser.get(f"{buyer.base}.{form.ending}").get_data())
    buyer.case.approve(buyer.case.waive(key), ADMIN)
    data = buyer.browser.get(f"{buyer.base}.{form.ending}").get_data()
    assert sum(kind == "h3" for kind, _text in form.blocks(data)) == len(buyer.case.read().called) - 1
    assert ("h3", f"1. {title}") in [(kind, re.sub(r"^\d+", "1", text)) for kind, text in before]
    assert title not in form.text(data)
    assert "We look away." not in form.text(data)


@BOTH
def test_names_of_others_stay_text_in_the_annex(buyer: Desk, database: Database, form: Form) -> None:
    with database.transaction(SYSTEM) as session:
        for statement in (
            update(Organisation).values(name="<script>x</script> {vendor} =1+1"),
            update(Vendor).values(name="R&D \ufffe {value}"),
            update(Engagement).values(name="_x0041_ <w:p/>"),
        ):
            session.execute(statement.execution_options(unaudited=True))
    text = form.text(buyer.browser.get(f"{buyer.base}.{form.ending}").get_data())
    assert "<script>x</script> {vendor} =1+1" in text
    assert "R&D \ufffd {value}" in text
    assert "_x0041_ <w:p/>" in text


@BOTH
def test_hostile_text_is_text_and_an_empty_annex_says_so(form: Form) -> None:
    entry = annex.Entry(
        HOSTILE, True, HOSTILE, (HOSTILE,), HOSTILE, (Part(HOSTILE), Part("", gap=True)), HOSTILE
    )
    data = form.write(annex.Annex(HOSTILE, HOSTILE, HOSTILE, NOW.date(), NOW, [entry]))
    assert form.text(data).count("<script>x</script> =1+1 & {value} \ufffd\ufffd") >= 8
    empty = form.write(annex.Annex("A", "B", "C", NOW.date(), None, []))
    assert "Nothing is called for." in form.text(empty)


def test_the_annex_is_not_built_while_writing(database: Database) -> None:
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        annex.build(annex.Annex("A", "B", "C", NOW.date(), None, []))


def test_what_was_agreed_fills_the_open_place() -> None:
    parts = filled(
        "{vendor} tells {organisation} in {value}.", organisation="{value}", vendor="V", value="1 h"
    )
    assert parts == (Part("V tells {value} in 1 h."),)


@BOTH
def test_the_vendors_reason_stands_in_the_annex_and_internal_facts_do_not(
    buyer: Desk, app: Portal, database: Database, settings: Settings, form: Form
) -> None:
    from portal.contracts import queries

    actor = buyer.case.place[CISO]
    schedule = buyer.case.read()
    assert schedule.evaluation is not None
    with database.looking(actor.scope) as session:
        told = queries.told_vendor(session, actor, schedule.evaluation)
    data = buyer.browser.get(f"{buyer.base}.{form.ending}").get_data()
    text = form.text(data)
    inside = {one.point.reason for one in schedule.called if one.point.reason != told[one.item.key]}
    assert inside
    for line in schedule.called:
        assert told[line.item.key] in text
    for reason in inside:
        assert reason not in text
    stranger = signed_in(app, make_organisation(database, settings, "Birch")[ADMIN])
    assert stranger.get(f"{buyer.base}.{form.ending}").status_code == 404
