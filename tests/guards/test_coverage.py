"""Every line and branch of what decides about vendors is run by the tests of its rules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.guards.code import ROOT

# Conditions, visibility, scoring and requirements. Tables of rules only, some fifteen seconds of work: with a rule
# of its own each line is reached in the same way on every run, and not because chance has once drawn it.
DECIDING = (
    *("conditions*.py", "dates.py", "frozen.py", "visibility.py"),
    *("plan.py", "scoring.py", "results.py", "requirements.py", "requirements_*.py"),
)
TABLES = (
    *("conditions", "conditions_words", "dates", "frozen", "visibility"),
    *("scoring_rules", "vectors", "requirements", "requirements_renamed"),
)


def test_every_branch_of_the_deciding_modules_is_tested(tmp_path: Path) -> None:
    coverage = [sys.executable, "-m", "coverage"]
    include = ",".join(f"questionnaires/{name}" for name in DECIDING)
    tests = [f"tests/questionnaires/test_{name}.py" for name in TABLES]
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

    run("run", "--branch", f"--include={include}", "-m", "pytest", "-p", "no:xdist", *tests)
    report = run("report", "--fail-under=100", "--precision=2", "--show-missing")
    for name in ("conditions_evaluation", "visibility", "scoring", "requirements_evidence"):
        assert f"questionnaires/{name}.py" in report
