"""Questionnaires as files: what comes in as a draft, what is refused without a trace, what goes out comes back."""

from __future__ import annotations

import contextlib
import io
import json
import re
import uuid
import zipfile
from typing import Any

import pytest
import xlsxwriter
from sqlalchemy import func, select

from portal.access import OrganisationRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.library import authoring_pace, importing, releasing, service
from portal.library.importing import ImportRefused, format_of, read_for_draft
from portal.library.models import QuestionnaireDraft
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from questionnaires.canonical import canonical_bytes, canonical_json
from questionnaires.interchange import spreadsheet
from questionnaires.interchange.toml_folder import write_folder
from questionnaires.interchange.xlsx_layout import write_layout
from questionnaires.parsing import parse_json
from questionnaires.raw import raw
from tests.portal.assessments.given import SMALL
from tests.portal.library.test_library import VSAQ
from tests.portal.world import NOW, Browser, Place, make_organisation

CISO = OrganisationRole.CISO
LITE = catalog.latest("security_lite")
UNLIKE = "Name every river that flows through your offices."


def copy(**changes: Any) -> dict[str, Any]:
    """A copy of a shipped questionnaire as an organisation's own."""
    return {**raw(LITE), "slug": "ours", "version": "1.0.0", "based_on": LITE.label, **changes}


# ------------------------------------------------------------------------------------------------------------ keys


def test_keys_of_a_known_base_stay() -> None:
    found = read_for_draft(canonical_json(copy()), "json")
    assert list(found.definition.questions) == list(LITE.questions)
    assert any("keep their keys" in line for line in found.report)
    assert not any("is now" in line for line in found.report)


def test_without_a_base_every_key_becomes_the_organisations_own() -> None:
    given = copy()
    del given["based_on"]
    found = read_for_draft(canonical_json(given), "json")
    assert all(key.startswith("own.ours.") for key in found.definition.questions)


def test_a_question_that_is_no_longer_the_shipped_one_gets_a_key_of_its_own_and_says_why() -> None:
    given = copy()
    question = given["sections"][0]["questions"][0]
    question["text"] = UNLIKE
    found = read_for_draft(canonical_json(given), "json")
    new = f"own.ours.{question['key']}"
    assert found.definition.questions[new].text == UNLIKE
    assert len([key for key in found.definition.questions if key.startswith("own.")]) == 1
    assert any(f"is now {new} (text: is less than half alike" in line for line in found.report)


def test_own_keys_go_on_in_a_file_of_an_own_line() -> None:
    given = copy(slug="next", based_on="ours@1.0.0")
    given["sections"][0]["questions"].append({"key": "own.x", "text": "What else?", "type": "text"})
    kept = read_for_draft(canonical_json(given), "json", own=["ours@1.0.0"]).definition
    assert "own.x" in kept.questions
    assert next(iter(LITE.questions)) in kept.questions
    foreign = read_for_draft(canonical_json(given), "json").definition
    assert all(key.startswith("own.next.") for key in foreign.questions)


def test_a_shipped_questionnaire_comes_in_under_another_name_as_a_copy_of_itself() -> None:
    with pytest.raises(ImportRefused, match="name of a questionnaire of the portal"):
        read_for_draft(canonical_bytes(LITE), "json")
    found = read_for_draft(canonical_bytes(LITE), "json", slug="ours").definition
    assert (found.label, found.based_on) == (f"ours@{LITE.version}", LITE.label)
    assert list(found.questions) == list(LITE.questions)


# ---------------------------------------------------------------------------------------------------------- formats


def test_a_workbook_and_json_make_the_same() -> None:
    definition = parse_json(canonical_json(copy()))
    by_sheet = read_for_draft(write_layout(definition), "xlsx").definition
    assert by_sheet == read_for_draft(canonical_bytes(definition), "json").definition == definition


def test_a_single_toml_file_of_the_folders_tables(tmp_path: Any) -> None:
    definition = parse_json(json.dumps(SMALL).encode())
    paths = write_folder(definition, tmp_path / "small")
    text = paths[0].read_text()
    for path in paths[1:]:
        body = path.read_text().replace("[[question]]", "[[section.question]]")
        text += f"\n[[section]]\n{body}"
    found = read_for_draft(text.encode(), "toml").definition
    assert found.sections[0].questions[0].text == definition.sections[0].questions[0].text
    assert found.bands == definition.bands
    assert len(found.questions) == len(definition.questions)


def test_scales_are_expanded_in_a_single_toml_file() -> None:
    text = """
format = 1
slug = "scaled"
version = "1.0.0"
title = "Scaled"
purpose = "campaign"
language = "en"
licence = "CC0-1.0"
summary = "x"
[scale]
yes_no = [{value = "yes", label = "Yes"}, {value = "no", label = "No"}]
[[section]]
key = "one"
title = "One"
[[section.question]]
key = "own.scaled.a"
text = "Is it?"
type = "choice"
weight = 0
options = "yes_no"
"""
    found = read_for_draft(text.encode(), "toml").definition
    assert [one.value for one in found.questions["own.scaled.a"].options] == ["yes", "no"]


@pytest.mark.parametrize("kind", ["vsaq"])
def test_foreign_files_become_drafts_too(kind: str) -> None:
    found = read_for_draft(VSAQ, kind, name="Shop List")
    assert found.definition.slug == "shop_list"
    assert list(found.definition.questions) == ["own.shop_list.locks", "own.shop_list.why"]
    assert read_for_draft(VSAQ, kind, slug="named", name="Shop List").definition.slug == "named"


# ---------------------------------------------------------------------------------------------------------- refusals


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (60 << 20))
    return file.getvalue()


def sheet(change: Any) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    change(book.add_worksheet("Questionnaire"))
    book.close()
    return file.getvalue()


def many_rows(one: Any) -> None:
    for row in range(100_000):
        one.write_number(row, 0, row)


BAD = {
    "empty": (b"", "json"),
    "float": (json.dumps(copy(title=1.5)).encode(), "json"),
    "nested": (b"[" * 50_000, "json"),
    "twice": (b'{"format": 1, "format": 1}', "json"),
    "latin-1": ('{"slug": "caf\xe9"}'.encode("latin-1"), "json"),
    "utf-16": (json.dumps(copy()).encode("utf-16"), "json"),
    "unknown field": (json.dumps(copy(colour="red")).encode(), "json"),
    "toml": (b"a = [", "toml"),
    "large toml": (b"# " + b"x" * importing.LARGEST_TOML, "toml"),
    "large": (b" " * (6 << 20), "json"),
    "bomb": (bomb(), "xlsx"),
    "no workbook": (b"PK\x03\x04 but not really", "xlsx"),
    "formula": (sheet(lambda one: one.write_formula(0, 0, "=1+1")), "xlsx"),
    "merged": (sheet(lambda one: one.merge_range(0, 0, 3, 3, "x")), "xlsx"),
    "rows": (sheet(many_rows), "xlsx"),
    "other sheets": (sheet(lambda one: one.write_string(0, 0, "field")), "xlsx"),
    "vsaq": (b'{"questionnaire": []}', "vsaq"),
    "nothing we know": (canonical_json(copy()), "docx"),
}


@pytest.mark.parametrize(("data", "kind"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, kind: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_for_draft(data, kind)
    assert all(line.strip() for line in refused.value.lines)


# ------------------------------------------------------------------------------------------------------------- pages


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def author(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "reviewer@halden.example")


def send(browser: Browser, halden: Place, data: bytes, name: str, **fields: str) -> Any:
    return browser.post(
        f"/o/{halden.slug}/questionnaires/import",
        {**fields, "file": (io.BytesIO(data), name)},
    )


def drafts(database: Database) -> list[QuestionnaireDraft]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(QuestionnaireDraft)))


def test_a_file_becomes_a_draft_with_its_report(author: Browser, database: Database, halden: Place) -> None:
    answer = send(author, halden, VSAQ, "Shop.json")
    assert answer.status_code == 303
    (row,) = drafts(database)
    assert answer.headers["Location"].endswith(f"/drafts/{row.id}")
    assert (row.slug, row.source_format, row.organisation_id) == ("shop", "vsaq", halden.id)
    assert "Not carried over:" in row.report


def test_a_copy_knows_its_base_and_a_later_file_its_line(
    author: Browser, database: Database, halden: Place
) -> None:
    with database.transaction(halden[CISO].scope) as session:
        released, _found = service.import_for(
            session, halden.id, canonical_json(copy()), "json", slug="", now=NOW, actor=halden[CISO]
        )
    assert send(author, halden, canonical_json(copy(version="1.1.0")), "ours.json").status_code == 303
    (row,) = drafts(database)
    assert (row.based_on, row.base_hash) == (LITE.label, LITE.content_hash)
    assert row.previous_hash == released.content_hash


def test_reading_files_has_a_measure(author: Browser, halden: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authoring_pace, "MOST", 2)
    codes = [send(author, halden, b"{", "x.json").status_code for _attempt in range(3)]
    assert codes == [422, 422, 429]


def test_who_finds_no_turn_gets_the_page_again_with_the_reason(
    author: Browser, database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "PATIENCE", 0.01)
    with contextlib.ExitStack() as others:
        for _ in range(spreadsheet.AT_ONCE):
            others.enter_context(spreadsheet._turns)
        answer = send(author, halden, write_layout(LITE), "lite.xlsx", slug="house_rules")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "Other workbooks are being read at this moment." in answer.text
    assert 'value="house_rules"' in answer.text
    with contextlib.ExitStack() as others:
        for _ in range(authoring_pace.AT_ONCE):
            others.enter_context(authoring_pace._turns)
        answer = send(author, halden, write_layout(LITE), "lite.xlsx", slug="house_rules")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "The portal checks other questionnaires at this moment." in answer.text
    assert drafts(database) == []


@pytest.mark.parametrize(
    ("number", "follows"), [("1.0.0", 0), ("1.0.5", 0), ("1.1.0", 1), ("3.0.0", 1), ("0.9.0", 0)]
)
def test_a_file_goes_on_from_the_release_that_its_number_names(
    author: Browser, database: Database, halden: Place, number: str, follows: int
) -> None:
    hashes = []
    for version in ("1.0.0", "1.1.0"):
        found = importing.read_import(canonical_json(copy(version=version)), "json", slug="")
        with database.looking(halden[CISO].scope) as session:
            held = releasing.check_file(session, halden[CISO].scope, found)
        with database.transaction(halden[CISO].scope) as session:
            hashes.append(
                releasing.release_file(session, halden[CISO].scope, found, held, now=NOW).content_hash
            )
    assert send(author, halden, canonical_json(copy(version=number)), "ours.json").status_code == 303
    (row,) = drafts(database)
    assert row.previous_hash == hashes[follows]
    assert row.report[-1].startswith(f"By its number it goes on from your release ours@1.{follows}.0")
    # As a file it names that release again, whatever its own next number is.
    text = author.get(f"/o/{halden.slug}/drafts/{row.id}/file.json").text
    assert json.loads(text)["version"] == f"1.{follows}.0"


@pytest.mark.parametrize(
    "name", ["float", "twice", "latin-1", "unknown field", "bomb", "formula", "merged", "rows"]
)
def test_a_refused_file_leaves_nothing_and_says_why(
    author: Browser, database: Database, halden: Place, name: str
) -> None:
    data, kind = BAD[name]
    before = events(database)
    answer = send(author, halden, data, f"file.{kind}", source_format=kind)
    assert answer.status_code == 422
    assert "This file was not taken. Nothing was stored." in answer.text
    assert drafts(database) == []
    assert events(database) == before


def events(database: Database) -> int:
    with database.looking(SYSTEM) as session:
        return session.scalar(select(func.count()).where(Event.kind.like("questionnaire%"))) or 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"slug": "NOT good"}, "Write lower-case letters"), ({"source_format": "exe"}, "Not a valid choice")],
)
def test_a_wrong_field_is_named(
    author: Browser, database: Database, halden: Place, fields: dict[str, str], said: str
) -> None:
    answer = send(author, halden, VSAQ, "shop.json", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert drafts(database) == []


def test_no_file_is_no_import(author: Browser, halden: Place) -> None:
    answer = author.post(f"/o/{halden.slug}/questionnaires/import", {})
    assert answer.status_code == 422
    assert "Choose a file." in answer.text


@pytest.mark.parametrize("form", ["json", "toml", "xlsx"])
@pytest.mark.parametrize("label", catalog.shipped())
def test_every_shipped_version_goes_out_and_comes_back(
    author: Browser, halden: Place, label: str, form: str
) -> None:
    slug, number = label.split("@")
    answer = author.get(f"/o/{halden.slug}/questionnaires/{slug}/{number}/file.{form}")
    assert answer.status_code == 200
    definition = catalog.get(label)
    back = read_for_draft(answer.data, form, slug="ours").definition
    wanted = {**raw(definition), "slug": "ours", "based_on": label}
    if definition.purpose == "intake":
        assert raw(back)["purpose"] == "intake"
    assert raw(back) == wanted


def test_a_version_says_when_its_toml_is_too_large_to_come_back(
    author: Browser, database: Database, halden: Place
) -> None:
    sections = [
        {
            "key": f"more{part}",
            "title": f"Part {part}",
            "questions": [
                {
                    "key": f"more{part}.q{number}",
                    "text": f"What about {number} of part {part}?",
                    "type": "text",
                    "weight": 0,
                    "help": "Say it plainly, and all of it. " * 130,
                }
                for number in range(30)
            ],
        }
        for part in range(5)
    ]
    large = {**SMALL, "slug": "large", "sections": [*SMALL["sections"], *sections]}
    with database.transaction(halden[CISO].scope) as session:
        service.import_for(
            session, halden.id, canonical_json(large), "json", slug="", now=NOW, actor=halden[CISO]
        )
    place = f"/o/{halden.slug}/questionnaires"
    sentence = "The TOML file of this version is larger than 512 KB, so it cannot be brought in again."
    assert sentence in author.get(f"{place}/large/1.0.0").text
    assert sentence not in author.get(f"{place}/security_lite/1.0.0").text
    toml, held = (author.get(f"{place}/large/1.0.0/file.{form}").data for form in ("toml", "json"))
    with pytest.raises(ImportRefused) as refused:
        read_for_draft(toml, "toml", slug="ours")
    assert "is larger than" in refused.value.lines[0]
    assert len(read_for_draft(held, "json", slug="ours").definition.questions) > 150


def test_a_version_goes_out_for_vsaq_and_is_known_as_that(author: Browser, halden: Place) -> None:
    place = f"/o/{halden.slug}/questionnaires/security_lite/1.0.0"
    assert f'href="{place}/file.vsaq"' in author.get(place).text
    answer = author.get(f"{place}/file.vsaq")
    assert answer.headers["Content-Disposition"] == "attachment; filename=security_lite-1.0.0.vsaq.json"
    back = read_for_draft(answer.data, format_of(answer.data, "security_lite-1.0.0.vsaq.json"), slug="ours")
    wanted = [one.text for one in catalog.get("security_lite@1.0.0").questions.values()]
    found = [one.text for one in back.definition.questions.values()]
    assert [text for text in found if text in wanted] == wanted


@pytest.mark.parametrize("form", ["json", "toml", "xlsx"])
def test_a_draft_goes_out_and_comes_back(
    author: Browser, database: Database, halden: Place, form: str
) -> None:
    send(author, halden, canonical_json(copy()), "ours.json")
    (row,) = drafts(database)
    address = f"/o/{halden.slug}/drafts/{row.id}"
    assert f'href="{address}/file.{form}"' in author.get(address).text
    answer = author.get(f"{address}/file.{form}")
    found = read_for_draft(answer.data, form).definition
    assert canonical_bytes(found) == row.document


def test_a_draft_with_faults_goes_out_as_json_alone(
    author: Browser, database: Database, halden: Place
) -> None:
    send(author, halden, canonical_json(copy(bands=[])), "ours.json")
    (row,) = drafts(database)
    page = f"/o/{halden.slug}/drafts/{row.id}/file"
    assert re.findall(rf'href="{page}\.(\w+)"', author.get(page.removesuffix("/file")).text) == ["json"]
    assert author.get(f"{page}.json").data == row.document
    answer = author.get(f"{page}.xlsx")
    assert answer.status_code == 409
    assert re.search(r"The draft has (one|\d+) faults?", answer.text)


@pytest.mark.parametrize("path", ["nothing/1.0.0/file.json", "security_lite/1.0.0/file.exe"])
def test_what_is_not_there_does_not_go_out(author: Browser, halden: Place, path: str) -> None:
    assert author.get(f"/o/{halden.slug}/questionnaires/{path}").status_code == 404


def test_another_organisations_draft_does_not_go_out(
    app: Portal, author: Browser, database: Database, settings: Settings, halden: Place
) -> None:
    send(author, halden, canonical_json(copy()), "ours.json")
    (row,) = drafts(database)
    make_organisation(database, settings, "Orrin")
    other = Browser(app.test_client(), "ciso@orrin.example")
    for address in (f"/o/orrin/drafts/{row.id}/file.json", f"/o/orrin/drafts/{row.id}/diff"):
        assert other.get(address).status_code == 404
    assert other.get(f"/o/orrin/drafts/{uuid.uuid4()}/file.json").status_code == 404
