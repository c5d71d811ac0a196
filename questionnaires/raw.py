"""The JSON shape of a definition as plain dicts and lists, for whoever edits or merges one, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from questionnaires.canonical import canonical_json, definition_json
from questionnaires.definition import Questionnaire
from questionnaires.faults import Fault
from questionnaires.parsing import Draft, read_json

__all__ = ["raw", "read_raw"]


def raw(definition: Questionnaire) -> dict[str, Any]:
    """The documented JSON form (section 1 of the format), defaults left out; ``read_raw`` gives it back, equal."""
    found: dict[str, Any] = json.loads(canonical_json(definition_json(definition)))
    return found


def read_raw(given: Mapping[str, Any], name: str = "draft") -> Draft:
    """What could be made of a JSON form, with all faults; each says its section, question and field.

    Nothing is raised: what has no JSON form at all, such as a float, is a fault of the file.
    """
    try:
        data = canonical_json(given)
    except ValueError as error:
        return Draft(None, (Fault(name, "file", str(error)),))
    return read_json(data, name)
