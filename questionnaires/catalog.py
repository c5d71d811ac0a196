"""Shipped questionnaires by ``slug@version`` and by hash, and what a PATH on the command line means."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING

from questionnaires.definition import Questionnaire
from questionnaires.faults import DefinitionError, Fault
from questionnaires.parsing import load
from questionnaires.patterns import LABEL, SLUG, VERSION, ordered

if TYPE_CHECKING:
    from pathlib import Path

# Paths are strings here: pathlib takes longer to import than a definition to read.
CONTENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "content")
SAMPLES = "samples"


class UnknownQuestionnaire(LookupError):
    """No shipped questionnaire has this label, slug or hash."""


@cache
def shipped() -> tuple[str, ...]:
    """The labels of all shipped versions, by slug and rising version; nothing is parsed."""
    found = [
        (slug.name, ordered(version.name), f"{slug.name}@{version.name}")
        for slug in os.scandir(CONTENT)
        if SLUG.fullmatch(slug.name) and slug.is_dir()
        for version in os.scandir(slug.path)
        if VERSION.fullmatch(version.name) and version.is_dir()
    ]
    return tuple(label for _, _, label in sorted(found))


@cache
def get(label: str) -> Questionnaire:
    """The shipped version with this ``slug@version``. Raises UnknownQuestionnaire, DefinitionError."""
    definition = load(_folder(label))
    if definition.label != label:
        message = f"the folder is that of {label}, the header says {definition.label}"
        raise DefinitionError([Fault(definition.files[""], "version", message)])
    return definition


def folder(label: str) -> Path:
    """Where a shipped version lies. Raises UnknownQuestionnaire."""
    from pathlib import Path

    return Path(_folder(label))


def _folder(label: str) -> str:
    path = os.path.join(CONTENT, *label.split("@"))
    if not LABEL.fullmatch(label) or not os.path.isdir(path):
        raise UnknownQuestionnaire(f"no shipped questionnaire is called {label}")
    return path


def by_hash(content_hash: str) -> Questionnaire | None:
    """The shipped version with this content hash, or None."""
    return _hashes().get(content_hash)


def versions(slug: str) -> tuple[str, ...]:
    """The shipped versions of a slug, rising."""
    return tuple(label.split("@")[1] for label in shipped() if label.startswith(f"{slug}@"))


def latest(slug: str) -> Questionnaire:
    """The newest shipped version of a slug. Raises UnknownQuestionnaire."""
    known = versions(slug)
    if not known:
        raise UnknownQuestionnaire(f"no shipped questionnaire is called {slug}")
    return get(f"{slug}@{known[-1]}")


def samples() -> tuple[str, ...]:
    """The names of the invented vendors that have answers files."""
    return tuple(sorted(name for name in _samples() if "@" not in name))


def sample(name: str, version: str | None = None) -> object:
    """The answers of an invented vendor to security_core 1.0.0, or to a later ``version``, as they came from JSON.

    Raises UnknownQuestionnaire.
    """
    wanted = name if version is None else f"{name}@{version}"
    if wanted not in _samples():
        raise UnknownQuestionnaire(f"no sample answers are called {wanted}")
    with open(os.path.join(CONTENT, SAMPLES, f"{wanted}.json"), encoding="utf-8") as file:
        return json.load(file)


def _samples() -> set[str]:
    files = os.listdir(os.path.join(CONTENT, SAMPLES))
    return {name.removesuffix(".json") for name in files if name.endswith(".json")}


def locate(argument: str) -> str:
    """The folder or JSON file that a PATH argument means; a label means a shipped version.

    Raises UnknownQuestionnaire.
    """
    if LABEL.fullmatch(argument) and not os.path.exists(argument):
        return _folder(argument)
    return argument


def resolve(argument: str) -> Questionnaire:
    """The definition that a PATH argument means: ``slug@version``, a folder, or a JSON file.

    Raises UnknownQuestionnaire, DefinitionError.
    """
    return load(locate(argument))


@cache
def _hashes() -> dict[str, Questionnaire]:
    return {definition.content_hash: definition for definition in map(get, shipped())}
