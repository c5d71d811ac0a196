"""Re-rating a sealed submission under its own version gives the same bytes for ever."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from hashlib import sha256

import pytest
from golden import GOLDEN, HERE, KINDS, RELEASED, paths, result

LABELS = sorted(path.stem for path in RELEASED.glob("*.json"))


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_golden_submission_is_rated_as_it_was(label: str, kind: str) -> None:
    answers, kept = paths(label, kind)
    assert answers.exists(), f"{label} is released: run tests/questionnaires/golden.py and keep what it makes"
    assert result(label, answers.read_bytes()) == kept.read_bytes()


def test_golden_submissions_are_of_released_versions_and_hold_every_state() -> None:
    states: Counter[str] = Counter()
    for path in GOLDEN.iterdir():
        found = re.fullmatch(r"(.+@\d+\.\d+\.\d+)\.(\w+)\.(answers|result)\.json", path.name)
        assert found, path.name
        assert found[1] in LABELS
        assert found[2] in KINDS
        if found[3] == "result":
            states.update(json.loads(path.read_bytes())["counts"])
    # No shipped question is a scored text, so none is ``ungraded``.
    assert states.keys() == {
        *("hidden", "open", "not_applicable", "graded", "disproved", "unanswered", "suggested"),
        *("na_pending", "challenged", "unproven", "accepted", "answered"),
    }


def test_no_golden_file_was_made_again() -> None:
    """Each is on the list with the bytes that it had when it was made, and none is missing."""
    listed = tomllib.loads((HERE / "golden_hashes.toml").read_text())
    assert {path.name: sha256(path.read_bytes()).hexdigest() for path in GOLDEN.iterdir()} == listed
