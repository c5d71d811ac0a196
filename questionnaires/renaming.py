"""Question keys replaced inside conditions, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CONDITIONS = ("visible_when", "required_when", "when")
# A literal, or a name as conditions write it; only names are replaced.
_LITERAL_OR_NAME = re.compile(r"""("[^"]*"|'[^']*')|([A-Za-z_][\w.]*)""")


def in_condition(source: str, names: Mapping[str, str]) -> str:
    """The text of a condition with other names in it; ``names``: new ones by old."""
    return _LITERAL_OR_NAME.sub(lambda found: found[1] or names.get(found[2], found[2]), source)


def in_part(value: Any, names: Mapping[str, str]) -> Any:
    """A part of a definition's JSON form with the keys of questions replaced in its conditions."""
    if isinstance(value, list):
        return [in_part(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: in_condition(inner, names)
        if name in CONDITIONS and isinstance(inner, str)
        else in_part(inner, names)
        for name, inner in value.items()
    }
