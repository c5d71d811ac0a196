"""MVSP 1.0, 2.0 and 3.0 as published: what the page, the file and the command say follows meaning, never numbers.

The published files lie in shared/ beside the checkout. Where they are missing these tests are skipped, which in CI is
a failure (tests/conftest.py).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.db import SYSTEM, Database
from portal.library import service
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.web import Portal
from questionnaires.__main__ import main
from questionnaires.definition import Questionnaire
from tests.portal.world import NOW, Browser, make_organisation
from tests.published import published

CISO = OrganisationRole.CISO
PAIRS = [("1.0", "2.0"), ("2.0", "3.0"), ("1.0", "3.0")]


@pytest.fixture
def files() -> dict[str, Path]:
    """The published files by version."""
    folder = published("mvsp")
    return {one: folder / f"mvsp_v{one}.json" for one in ("1.0", "2.0", "3.0")}


@pytest.fixture
def released(database: Database, settings: Settings, files: dict[str, Path]) -> dict[str, Questionnaire]:
    """The three versions as one organisation imports and releases them."""
    place = make_organisation(database, settings, "Halden")
    found = {}
    with database.transaction(place[CISO].scope) as session:
        for name, path in files.items():
            _row, read = service.import_for(
                session, place.id, path.read_bytes(), "mvsp", slug="", now=NOW, actor=place[CISO]
            )
            found[name] = read.definition
    return found


@pytest.fixture
def browser(app: Portal, released: dict[str, Questionnaire]) -> Browser:
    return Browser(app.test_client(), "ciso@halden.example")


def address(place: str, old: str, new: str, form: str = "") -> str:
    return f"/o/{place}/questionnaires/mvsp/diff{form}?from={old}.0&to={new}.0"


def slug(database: Database) -> str:
    """The address of the one organisation."""
    with database.looking(SYSTEM) as session:
        return session.scalars(select(Organisation.slug)).one()


def numbers(definition: Questionnaire) -> dict[str, str]:
    """Key of a question by the number of its control."""
    return {one.refs[0].rpartition("/")[2]: key for key, one in definition.questions.items()}


def mapped(old: str, new: str) -> dict[str, str | None]:
    """Number in the new version -> number in the old one, as the published map says; None: it is new."""
    maps = json.loads((published("mvsp") / "migration_map.json").read_text())["migrations"]
    if (old, new) != ("1.0", "3.0"):
        return {one["to"]: one["from"] for one in maps[f"{old}->{new}"]}
    first, second = mapped("1.0", "2.0"), mapped("2.0", "3.0")
    return {now: first[was] if was is not None else None for now, was in second.items()}


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_each_control_is_compared_with_the_one_that_it_was(
    browser: Browser,
    database: Database,
    released: dict[str, Questionnaire],
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
) -> None:
    place = slug(database)
    file = browser.get(address(place, old, new, ".json")).text
    for one in (old, new):
        assert main(["import", "mvsp", str(files[one]), "--out", str(tmp_path / one)]) == 0
    capsys.readouterr()
    assert main(["diff", str(tmp_path / old), str(tmp_path / new), "--json"]) == 0
    assert capsys.readouterr().out == file

    found: dict[str, dict[str, Any]] = {one["key"]: one for one in json.loads(file)["questions"]}
    was, now = numbers(released[old]), numbers(released[new])
    page = browser.get(address(place, old, new)).text
    for number, before in mapped(old, new).items():
        change = found[now[number]]
        if before is None:
            assert change["fate"] == "added", number
            continue
        assert (change["was"] or change["key"]) == was[before], (number, before)
        assert change["fate"] in ("kept", "renamed", "changed"), number
        if number != before:  # the page shows both numbers, at the control that had them
            shown = article(page, now[number])
            assert f"/{before}" in shown
            assert f"/{number}" in shown
    assert set(was.values()) == {one["was"] or one["key"] for one in found.values() if one["fate"] != "added"}


def article(page: str, key: str) -> str:
    found = re.search(rf'<article[^>]* id="q-{re.escape(key)}">(.*?)</article>', page, re.DOTALL)
    assert found is not None, key
    return found[1]


def test_number_2_8_is_backup_first_and_encryption_later(
    browser: Browser, database: Database, released: dict[str, Questionnaire]
) -> None:
    """Whoever went by numbers would compare a question on copies with one on keys, and carry its answer over."""
    assert numbers(released["1.0"])["2.8"] == "own.mvsp.backup"
    assert numbers(released["2.0"])["2.8"] == numbers(released["3.0"])["2.8"] == "own.mvsp.encryption"
    page = browser.get(address(slug(database), "1.0", "2.0")).text
    backup, encryption = (article(page, f"own.mvsp.{one}") for one in ("backup", "encryption"))
    assert "ackup" not in encryption
    assert "ncrypt" not in backup
    for shown, before, after in ((backup, "2.8", "4.4"), (encryption, "2.9", "2.8")):
        assert shown.index(f"mvsp:1.0.0/{before}") < shown.index(f"mvsp:2.0.0/{after}")
