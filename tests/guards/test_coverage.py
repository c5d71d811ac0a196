"""Every line and branch of what decides about vendors is run by the tests of its rules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.guards.code import ROOT

# Conditions, visibility, scoring, requirements, and what versions do to answers. Tables of rules only, some twenty
# seconds of work, no properties: with a rule of its own each line is reached in the same way on every run, and not
# because chance has once drawn it.
DECIDING = (
    *("conditions*.py", "dates.py", "frozen.py", "visibility.py"),
    *("plan.py", "scoring.py", "results.py", "requirements.py", "requirements_*.py"),
    *("changes*.py", "version_numbers.py", "carry_*.py", "merging*.py", "renaming.py", "what_if.py"),
)
TABLES = (
    *("conditions", "conditions_words", "dates", "frozen", "visibility"),
    *("scoring_rules", "vectors", "requirements", "requirements_renamed"),
    *("changes", "version_numbers", "carry_forward", "merging", "what_if"),
)


# What the gate decides by, and who may be a second person: a second or two of tables.
GATE = tuple(
    f"portal/gate/{name}.py"
    for name in (
        *("facts", "lines", "grounds", "excepting", "deciding", "standing", "choosing", "stored", "sheets"),
    )
)
GATE_TABLES = tuple(
    f"tests/portal/gate/test_{name}.py" for name in ("rules", "anew", "standing", "choosing", "sheets")
)


def test_every_branch_of_the_deciding_modules_is_tested(tmp_path: Path) -> None:
    report = _covered(
        tmp_path,
        [f"questionnaires/{name}" for name in DECIDING],
        [f"tests/questionnaires/test_{name}.py" for name in TABLES],
    )
    for name in ("conditions_evaluation", "scoring", "requirements_evidence", "carry_forward", "what_if"):
        assert f"questionnaires/{name}.py" in report


def test_every_branch_of_the_gate_is_tested(tmp_path: Path) -> None:
    report = _covered(tmp_path, GATE, GATE_TABLES)
    assert all(name in report for name in GATE)


def _covered(tmp_path: Path, files: Iterable[str], tests: Iterable[str]) -> str:
    """The report of what ``tests`` run of ``files``; fails below all of it."""
    coverage = [sys.executable, "-m", "coverage"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))},
        "COVERAGE_FILE": str(tmp_path / "coverage"),
        "HYPOTHESIS_PROFILE": "ci",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*coverage, *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    tables_only = ("-p", "no:xdist", "-m", "not hypothesis")
    run("run", "--branch", f"--include={','.join(files)}", "-m", "pytest", *tables_only, *tests)
    return run("report", "--fail-under=100", "--precision=2", "--show-missing")
