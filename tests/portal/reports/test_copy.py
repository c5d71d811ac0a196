"""A company's copy: everything of its own, nothing of others, harmless whatever somebody called a file."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
import zipfile
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.reports import copy_writing
from portal.reports.copy import Entry, File, Paper, Part
from portal.settings import Settings
from portal.storage import open_storage
from portal.web import Portal
from questionnaires import catalog
from questionnaires.conditions import INTERNAL_FACTS
from tests.portal import scene
from tests.portal.kept import NOTED, SAID, SIGNER, Kept, add_deal, keep_file, make_kept
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company, signed_in

HOSTILE = "<b>&amp;</b> <para> \u2028 \x7f ] ]]> {{ 7 }} ١٢ 漢字 🙂"


@pytest.fixture
@made_once
def kept(database: Database, settings: Settings) -> Kept:
    return make_kept(database, settings)


def taken(app: Portal, kept: Kept) -> dict[str, bytes]:
    owner = signed_in(app, kept.company[CompanyRole.OWNER])
    answer = owner.get(f"/c/{kept.company.slug}/copy.zip")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_everything_of_ones_own_with_hashes(
    app: Portal, database: Database, settings: Settings, kept: Kept
) -> None:
    buyer = kept.organisation[OrganisationRole.ADMIN]
    lite = catalog.latest("security_lite").content_hash
    drafted = scene.issue(database, buyer, kept.vendor, kept.engagement, lite, reason="Renewal")
    scene.fill(database, kept.company[CompanyRole.OWNER], drafted, most=3)
    files = taken(app, kept)
    manifest = json.loads(files["manifest.json"])["files"]
    assert set(manifest) == set(files) - {"manifest.json"}
    for name, held in manifest.items():
        assert held == {"size": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
    (place,) = {name.rsplit("/", 1)[0] for name in files if "round-1" in name}
    assert SAID in json.loads(files[f"{place}/answers.json"])["answers"]["own.kept.said"]["value"]
    page = files[f"{place}/answers.html"].decode()
    for word in (SAID, NOTED, SIGNER, "Alder", "default-src 'none'"):
        assert word in page
    text = "".join(one.extract_text() for one in PdfReader(io.BytesIO(files[f"{place}/answers.pdf"])).pages)
    assert SAID in text
    assert json.loads(files[f"{place}/receipt.json"])["submission"] == str(kept.submission)
    assert any("/draft/answers.json" in name for name in files)
    assert files[f"evidence/{kept.evidence}.pdf"].startswith(b"%PDF")
    assert json.loads(files["evidence/library.json"])[0]["filename"] == "policy.pdf"
    with database.looking(SYSTEM) as session:
        (event,) = session.scalars(select(Event).where(Event.kind == Kind.EXPORTED))
        assert (event.company_id, event.data["form"]) == (kept.company.id, "zip")


def test_nothing_of_others_and_nothing_that_the_organisation_keeps(
    app: Portal, database: Database, settings: Settings, kept: Kept
) -> None:
    dogwood = make_company(database, settings, "Dogwood")
    other = add_deal(database, settings, kept.organisation, dogwood, "other")
    files = taken(app, kept)
    whole = b"\n".join(files.values()).decode("utf-8", "replace")
    for word in (str(other.evidence), str(other.submission), "Dogwood", "Cedar as a vendor", "kzcontact"):
        assert word not in whole
    for name in INTERNAL_FACTS:
        assert name not in whole
    assert "band" not in json.loads(next(files[name] for name in files if name.endswith("answers.json")))


def test_names_of_files_cannot_lead_anywhere(
    app: Portal, database: Database, settings: Settings, kept: Kept
) -> None:
    for name in (
        "../../etc/passwd",
        "C:\\evil.exe",
        "=cmd|' /C calc'!A0",
        "a\u202egpj.exe",
        "\u0000x",
        "." * 150,
    ):
        keep_file(
            database, settings, kept.company, b"x", filename=name.replace("\0", ""), title=HOSTILE[:100]
        )
    files = taken(app, kept)
    for name in files:
        assert not name.startswith(("/", ".."))
        assert ".." not in name
        assert "\\" not in name
        assert name.isascii()
    assert len([name for name in files if name.startswith("evidence/") and name.endswith(".pdf")]) == 7


def test_one_assessment_as_a_page_and_as_a_pdf(app: Portal, kept: Kept) -> None:
    owner = signed_in(app, kept.company[CompanyRole.OWNER])
    for form, mimetype in (("html", "text/html"), ("pdf", "application/pdf")):
        answer = owner.get(f"/c/{kept.company.slug}/assessments/{kept.assessment}/copy.{form}")
        assert (answer.status_code, answer.mimetype) == (200, mimetype)
        assert "attachment" in answer.headers["Content-Disposition"]
    page = owner.get(f"/c/{kept.company.slug}/copy")
    assert "Sealed submissions" in page.text


def test_only_an_owner(app: Portal, kept: Kept) -> None:
    helper = signed_in(app, kept.company[CompanyRole.CONTRIBUTOR])
    for path in ("copy", "copy.zip", f"assessments/{kept.assessment}/copy.pdf"):
        assert helper.get(f"/c/{kept.company.slug}/{path}").status_code == 403


def hostile_paper() -> Paper:
    entry = Entry("1.1", HOSTILE, (HOSTILE, "x" * 5000), HOSTILE, HOSTILE, (HOSTILE,))
    return Paper("draft", HOSTILE, ((HOSTILE, HOSTILE),), (Part(1, HOSTILE, (entry,)),), {}, {})


def test_hostile_words_are_words() -> None:
    page = copy_writing.page([hostile_paper()], "made").decode()
    assert "<b>" not in page.replace("<body>", "")
    assert "<para>" not in page
    body = copy_writing.pdf([hostile_paper()], "made")
    text = "".join(one.extract_text() for one in PdfReader(io.BytesIO(body)).pages)
    assert "<b>&amp;</b>" in text
    assert "question mark" in text


def test_a_large_library_does_not_lie_in_memory(settings: Settings) -> None:
    storage = open_storage(settings)

    class Long:
        """A storage of files that are never whole anywhere."""

        def __getattr__(self, name: str) -> Any:
            return getattr(storage, name)

        def read(self, key: str) -> Any:
            return (bytes(256 * 1024) for _ in range(80))

    files = [File(str(number), "0" * 32, "text/csv", {"id": number}) for number in range(10)]
    tracemalloc.start()
    written = copy_writing.archive([], files, Long(), made="made", now=NOW)  # type: ignore[arg-type]  # a storage
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with zipfile.ZipFile(written) as archive:
        assert archive.getinfo("evidence/3.csv").file_size == 80 * 256 * 1024
    written.close()
    assert peak < 12_000_000
