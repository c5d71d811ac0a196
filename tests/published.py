"""Real questionnaires of others, which lie in ``shared/`` beside the checkout and are never copied into it."""

from __future__ import annotations

from pathlib import Path

import pytest

CONTENT = Path(__file__).resolve().parents[2] / "shared" / "content"


def published(folder: str) -> Path:
    """The folder of this name. Without it the calling test is skipped, which in CI is a failure (tests/conftest.py)."""
    found = CONTENT / folder
    if not found.is_dir():
        pytest.skip(f"{found} is missing")
    return found
