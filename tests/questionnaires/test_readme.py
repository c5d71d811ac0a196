"""What the page of the library promises is so: its example runs, its commands exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from questionnaires.__main__ import _COMMANDS

PAGE = (Path(__file__).parents[2] / "questionnaires" / "README.md").read_text("utf-8")


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(example, "README.md", "exec"), {})
    first, second = out.getvalue().splitlines()
    assert first == "strong strong"
    assert "'renamed': 1" in second


def test_every_command_is_named() -> None:
    (listed,) = re.findall(r"(?:^    python -m .*\n)+", PAGE, re.M)
    named = set(re.findall(r"(?:python -m questionnaires|·) ([a-z-]+)", listed))
    assert named == set(_COMMANDS)
