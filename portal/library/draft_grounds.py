"""What a draft rests on and which conflicts of a merge are open: changed with its document, and taken back with it.

Without that, taking a merge back would leave a draft that says it has taken over a release which is no longer in it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from portal.faults import Conflict
from portal.library.draft_changes import Ready
from portal.library.models import QuestionnaireDraft
from questionnaires.canonical import canonical_json

GROUND = "ground"  # beside the parts in an edit's before and after; no part is called so
RESTS = ("based_on", "base_hash", "previous_hash")
CHANGED_SINCE = "This was changed again since. Take back the later change first, or write it anew."

Conflicts = list[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Ground:
    """What a change leaves behind beside the document: open ``conflicts``, and which of RESTS take what value."""

    conflicts: Conflicts
    rests: Mapping[str, str | None] = dataclasses.field(default_factory=dict)


def noted(row: QuestionnaireDraft, ready: Ready, ground: Ground) -> Ready:
    """Put a ground into a locked draft; the change with what it was before and is after, for its undo."""
    held: Conflicts = json.loads(row.conflicts)
    before = {name: getattr(row, name) for name in ground.rests} | {
        "conflicts": [one for one in held if one not in ground.conflicts]
    }
    after = {**ground.rests, "conflicts": [one for one in ground.conflicts if one not in held]}
    for name, value in ground.rests.items():
        assert name in RESTS
        setattr(row, name, value)
    row.conflicts = canonical_json(ground.conflicts)
    return dataclasses.replace(ready, before=_with(ready.before, before), after=_with(ready.after, after))


def _with(parts: bytes, ground: Mapping[str, Any]) -> bytes:
    return canonical_json({**json.loads(parts), GROUND: ground})


def taken_back(row: QuestionnaireDraft, before: dict[str, Any], after: dict[str, Any]) -> Ground | None:
    """The ground before a change, None where the change left it alone; takes GROUND out of both.

    Conflicts that came with it go, those that it settled are open again. Raises Conflict when the ground that it left
    is no longer the draft's.
    """
    was, left = before.pop(GROUND, None), after.pop(GROUND, None)
    if was is None or left is None:
        return None
    gone, come = was.pop("conflicts"), left.pop("conflicts")
    held: Conflicts = json.loads(row.conflicts)
    paths = [one["path"] for one in held]
    moved = any(getattr(row, name) != value for name, value in left.items())
    if moved or any(one not in held for one in come) or any(one["path"] in paths for one in gone):
        raise Conflict(CHANGED_SINCE)
    return Ground([*(one for one in held if one not in come), *gone], was)
