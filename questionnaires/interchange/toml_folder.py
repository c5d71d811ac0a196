"""Writes a definition as TOML: the folder that people edit and ``parsing.load`` reads back, or one file to send."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from questionnaires.canonical import definition_json
from questionnaires.definition import Questionnaire


def write_folder(definition: Questionnaire, folder: Path) -> list[Path]:
    """Write ``questionnaire.toml`` and a numbered file for each section; returns the paths.

    Raises OSError, FileExistsError among them: nothing is ever overwritten.
    """
    raw = definition_json(definition)
    sections: Any = raw.pop("sections")
    files = {"questionnaire.toml": "\n".join(_header(raw))}
    width = max(2, len(str(len(sections) - 1)))
    for index, section in enumerate(sections):
        name = f"{index:0{width}}-{section['key'][:100]}.toml"
        files[name] = "\n".join(_section(section))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
    return [folder / name for name in files]


def write_one_file(definition: Questionnaire) -> bytes:
    """The tables of the folder in a single file: ``[[section]]``, and under each its ``[[section.question]]``."""
    raw = definition_json(definition)
    sections: Any = raw.pop("sections")
    lines = [*_header(raw)]
    for section in sections:
        lines += ["", "[[section]]", *_section(section, "section.question")]
    return ("\n".join(lines) + "\n").encode()


def _header(raw: Mapping[str, Any]) -> Iterator[str]:
    yield from _plain(raw, without=("bands", "caps"))
    for field, table in (("bands", "band"), ("caps", "cap")):
        for one in raw.get(field, ()):
            yield from ("", f"[[{table}]]", *_plain(one))


def _section(raw: Mapping[str, Any], table: str = "question") -> Iterator[str]:
    yield from _plain(raw, without=("questions",))
    for question in raw.get("questions", ()):
        yield from ("", f"[[{table}]]", *_plain(question))


def _plain(table: Mapping[str, Any], without: tuple[str, ...] = ()) -> Iterator[str]:
    for name, value in table.items():
        if name in without:
            continue
        if isinstance(value, list) and any(isinstance(one, dict) for one in value):
            yield f"{name} = ["
            for one in value:
                yield f"  {_value(one)},"
            yield "]"
        else:
            yield f"{name} = {_value(value)}"


def _value(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:
            # Strings, integers, true and false are written in TOML as in JSON.
            return json.dumps(value, ensure_ascii=False)
