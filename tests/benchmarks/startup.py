"""How long a person waits for ``python -m questionnaires hash``, against a bare interpreter with the usual imports."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.measuring import Figure, in_turns
from tests.guards.code import ROOT

LABEL = "security_lite@1.0.0"


def figures() -> list[Figure]:
    ours, bare = in_turns(
        lambda: _run("-m", "questionnaires", "hash", LABEL),
        lambda: _run("-c", "import argparse, ast, json, tomllib"),
        repeats=15,
    )
    return [Figure(f"python -m questionnaires hash {LABEL}", ours, bare, 3)]


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
