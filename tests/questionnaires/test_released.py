"""A released version never changes: hashes and canonical bytes of all from 1.0.0 on are kept and compared."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from small_definitions import definition, question

from questionnaires import catalog
from questionnaires.canonical import canonical_bytes
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.patterns import ordered

HERE = Path(__file__).parent


def changes(
    shipped: Iterable[Questionnaire], hashes: Mapping[str, str], copies: Mapping[str, bytes]
) -> list[str]:
    """What does not fit the record: versions before 1.0.0 may still change, all others must be recorded."""
    found = []
    by_label = {one.label: one for one in shipped}
    frozen = {label for label, one in by_label.items() if ordered(one.version) >= (1, 0, 0)}
    found += [f"{label} is released and not recorded" for label in sorted(frozen - set(hashes))]
    found += [f"{label} is recorded and no longer shipped" for label in sorted(set(hashes) - frozen)]
    found += [f"{label} has no frozen copy" for label in sorted(set(hashes) - set(copies))]
    found += [f"{label} has a frozen copy and no hash" for label in sorted(set(copies) - set(hashes))]
    for label in sorted(frozen & set(hashes)):
        if by_label[label].content_hash != hashes[label]:
            found.append(f"{label} has changed: release a new version instead")
    for label in sorted(set(hashes) & set(copies)):
        if sha256(copies[label]).hexdigest() != hashes[label]:
            found.append(f"the frozen copy of {label} is not what was released")
    return found


def test_no_released_version_has_changed() -> None:
    hashes = tomllib.loads((HERE / "released_hashes.toml").read_text())
    copies = {path.stem: path.read_bytes() for path in (HERE / "released").glob("*.json")}
    assert changes(map(catalog.get, catalog.shipped()), hashes, copies) == []
    for label, raw in copies.items():
        assert parse_json(raw) == catalog.get(label)
        assert canonical_bytes(parse_json(raw)) == raw


@pytest.mark.parametrize(
    ("hashes", "copies", "told"),
    [
        ({}, {}, ["tiny@1.0.0 is released and not recorded"]),
        ({"tiny@1.0.0": "hash"}, {"tiny@1.0.0": "bytes"}, []),
        ({"tiny@1.0.0": "hash"}, {}, ["tiny@1.0.0 has no frozen copy"]),
        (
            {"tiny@1.0.0": "hash"},
            {"tiny@1.0.0": "other"},
            ["the frozen copy of tiny@1.0.0 is not what was released"],
        ),
        (
            {"tiny@1.0.0": "other hash"},
            {"tiny@1.0.0": "other"},
            ["tiny@1.0.0 has changed: release a new version instead"],
        ),
        (
            {"tiny@1.0.0": "hash", "gone@1.0.0": "other hash"},
            {"tiny@1.0.0": "bytes", "gone@1.0.0": "other"},
            ["gone@1.0.0 is recorded and no longer shipped"],
        ),
        (
            {"tiny@1.0.0": "hash"},
            {"tiny@1.0.0": "bytes", "x@2.0.0": "other"},
            ["x@2.0.0 has a frozen copy and no hash"],
        ),
    ],
)
def test_the_guard_tells_every_way_of_changing_what_was_released(
    hashes: dict[str, str], copies: dict[str, str], told: list[str]
) -> None:
    released, changed = definition(), definition(question(weight=11))
    unreleased = definition(question(text="Anything?"), version="0.9.9")
    words = {
        "hash": released.content_hash,
        "other hash": changed.content_hash,
    }
    contents = {"bytes": canonical_bytes(released), "other": canonical_bytes(changed)}
    found = changes(
        [released, unreleased],
        {label: words[word] for label, word in hashes.items()},
        {label: contents[word] for label, word in copies.items()},
    )
    assert found == told


def test_shipped_keys_leave_room_for_an_organisation_s_own() -> None:
    for label in catalog.shipped():
        assert [key for key in catalog.get(label).questions if key.split(".")[0] == "own"] == []


def test_the_catalogue_finds_versions_by_label_slug_and_hash() -> None:
    labels = catalog.shipped()
    assert labels
    for label in labels:
        found = catalog.get(label)
        assert catalog.by_hash(found.content_hash) == found
        assert catalog.resolve(label) == found
        assert ordered(catalog.latest(found.slug).version) >= ordered(found.version)
    assert catalog.by_hash("0" * 64) is None
    for bad in ("gone@1.0.0", "gone", "../gone@1.0.0", "security_lite@../..", ""):
        with pytest.raises(catalog.UnknownQuestionnaire):
            catalog.get(bad)
    with pytest.raises(catalog.UnknownQuestionnaire):
        catalog.latest("gone")
