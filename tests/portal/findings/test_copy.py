"""The company's copy holds what was found about it, with its plans and proofs; nothing that the organisation keeps."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from pypdf import PdfReader

from portal.findings import closing, keeping
from portal.web import Portal
from tests.portal.findings.given import STEPS, Found
from tests.portal.findings.test_pages import Sides, words
from tests.portal.findings.test_remedying import paper


@pytest.fixture
def sides(app: Portal, given: Found) -> Sides:
    return Sides(app, given)


def test_findings_with_plans_and_proofs_are_in_the_copy(sides: Sides) -> None:
    one, document = sides.given.one("knockout"), paper(sides.given)
    sides.plan(one)
    sides.step(one, "agree", text="Good & well.")
    sides.given.prove(one, documents=[document])
    sides.given.act(keeping.note, one, "Between ourselves only.")
    sides.given.act(closing.propose, one, "no_fault", reason="A wish that waits.")
    other = sides.given.one("finding:", STEPS)
    sides.step(other, "close", how="no_fault", closing_reason="They train with us.")
    here = f"/c/{sides.given.issued.company.slug}"
    with zipfile.ZipFile(io.BytesIO(sides.theirs.get(f"{here}/copy.zip").data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (place,) = {name.rpartition("/")[0] for name in files if "/findings/" in name}
    listed = json.loads(files[f"{place}/findings.json"])["findings"]
    assert len(listed) == 3
    (told,) = (each for each in listed if each["id"] == str(one.id))
    assert [(each["kind"], each["text"]) for each in told["steps"]] == [
        ("opened", ""),
        ("plan", "We buy keys."),
        ("agreed", "Good & well."),
        ("proof", "Everybody has a key now."),
    ]
    assert told["steps"][-1]["documents"] == [str(document)]
    assert (told["earned"], told["state"], told["due"]) == ("knockout", "planned", "2026-12-21")
    page = words(files[f"{place}/findings.html"].decode())
    pdf = "".join(each.extract_text() for each in PdfReader(io.BytesIO(files[f"{place}/findings.pdf"])).pages)
    single = words(sides.theirs.get(f"{here}/assessments/{one.assessment_id}/copy.html").text)
    for text in (page, pdf, single):
        for said in (
            "We buy keys.",
            "Good & well.",
            "Everybody has a key now.",
            "They train with us.",
            "Bill for",
        ):
            assert said in " ".join(text.split())
    whole = b"\n".join(files.values()).decode("utf-8", "replace") + page + pdf + single
    assert "Between ourselves" not in whole
    assert "A wish that waits." not in whole
    assert "Findings 3" in words(sides.theirs.get(f"{here}/copy").text)
