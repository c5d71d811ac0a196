"""What cannot run here is at least consistent: Dockerfile and compose.yaml name only what there is."""

from __future__ import annotations

import argparse
import re
from typing import Any

import pytest
import yaml

from portal import cli, settings
from tests.guards.code import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
OURS = {name: one for name, one in COMPOSE["services"].items() if "build" in one}


def commands() -> set[str]:
    (found,) = [one for one in cli._parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return set(found.choices)


def test_every_setting_that_they_name_is_one() -> None:
    named = {name for one in OURS.values() for name in one["environment"]}
    named |= set(re.findall(r"\b(PORTAL_[A-Z_]+)=", DOCKERFILE))
    known = {f"PORTAL_{name.upper()}" for name in settings.NAMES} | {"PORTAL_DATA"}
    assert named <= known, named - known
    for must in ("SECRET_KEY", "BASE_URL", "DATABASE_URL", "STORAGE", "MAIL", "LOG_FORMAT"):
        assert f"PORTAL_{must}" in named


def test_the_settings_of_compose_start_a_portal(tmp_path: Any) -> None:
    given = {
        "PORTAL_SECRET_KEY": "fUx3-9aQz_71LmEwPp0c-Tt6vHkRr2sYdGiB8nXo",
        "PORTAL_BASE_URL": "https://portal.example.com",
        "POSTGRES_PASSWORD": "abcdef0123",
        "STORAGE_KEY_ID": "key",
        "STORAGE_SECRET": "secret",
        "PORTAL_MAIL": "smtp://u:p@mail.example.com:587",
    }

    def value(text: str) -> str:
        def put(match: re.Match[str]) -> str:
            name, rest = match.group(1), match.group(2) or ""
            if name in given:
                return given[name]
            assert rest.startswith(":-"), f"{name} has no value"
            return rest[2:]

        return re.sub(r"\$\{(\w+)((?::[-?])[^}]*)?\}", put, str(text))

    environ = {name: value(text) for name, text in OURS["web"]["environment"].items()}
    found = settings.load(tmp_path, environ)
    assert found.storage.startswith("s3://portal?endpoint=http://storage:9000")
    assert found.database_url == "postgresql://portal:abcdef0123@database:5432/portal"
    assert found.log_format == "json"


@pytest.mark.parametrize("name", OURS)
def test_the_commands_exist(name: str) -> None:
    command = OURS[name].get("command")
    if command is not None:
        assert command[0] == "portal"
        assert command[1] in commands()


def test_the_image_is_built_from_hashes_and_runs_as_nobody() -> None:
    assert "--require-hashes -r requirements.txt" in DOCKERFILE
    assert re.search(r"^USER portal$", DOCKERFILE, re.M)
    assert "HEALTHCHECK" in DOCKERFILE
    assert "gunicorn" in (ROOT / "requirements.txt").read_text("utf-8")
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in (ROOT / ".dockerignore").read_text("utf-8").splitlines(), source
