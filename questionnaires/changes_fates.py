"""Where each question of a version comes from: its own key, or ``formerly`` through the versions between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from questionnaires.definition import Question, Questionnaire
from questionnaires.patterns import ordered

Fate = Literal["added", "retired", "kept", "renamed", "changed"]


class Origin(NamedTuple):
    """The old question of a new one: its key, what became of it, and further old keys that it replaces."""

    key: str
    fate: Literal["kept", "renamed", "changed"]
    also: tuple[str, ...] = ()


class _Ancestor(NamedTuple):
    """A key that a question goes back to: the revision that it replaces, and whether the meaning changed since."""

    revision: int
    changed: bool


def origins(
    old: Questionnaire, new: Questionnaire, between: Sequence[Questionnaire] = ()
) -> Mapping[str, Origin]:
    """The origin of each question of ``new`` that has one, by its key.

    A key that both versions have is its own origin. Else the first old question that it replaces is, directly or
    through ``between``: with the meaning kept it is renamed; where a revision was raised on the way, or the type
    is another, it is changed. An old question that is still asked, or that another one took over, is no origin.
    """
    found: dict[str, Origin] = {}
    for key, question in new.questions.items():
        was = old.questions.get(key)
        if was is not None:
            found[key] = Origin(key, "kept" if _is_same(was, question) else "changed")
    free = {key for key, one in old.questions.items() if found.get(key) != Origin(key, "kept")}
    chain = sorted(between, key=lambda one: ordered(one.version), reverse=True)
    # Who has the meaning of an old question goes before who has no more than its descent.
    descents = {
        key: _descent(old, question, chain) for key, question in new.questions.items() if key not in found
    }
    for wanted in ("renamed", "changed"):
        for key, descent in descents.items():
            keys = [one for one, fate in descent.items() if fate == wanted and one in free]
            # What is still asked, if only with another meaning, needs no heir to stand beside.
            keys = [one for one in keys if wanted == "renamed" or one not in new.questions]
            if not keys or key in found:
                continue
            fate: Literal["renamed", "changed"] = "renamed" if wanted == "renamed" else "changed"
            also = tuple(keys[1:]) if fate == "renamed" else ()
            found[key] = Origin(keys[0], fate, also)
            free.difference_update(keys)
    return found


def _is_same(old: Question, new: Question) -> bool:
    return old.revision == new.revision and old.type == new.type


def _descent(
    old: Questionnaire, question: Question, chain: Iterable[Questionnaire]
) -> dict[str, Literal["renamed", "changed"]]:
    """The keys of ``old`` that a question replaces, those with the meaning kept first."""
    known = {question.key: _Ancestor(question.revision, False), **_claims(question, False)}
    for version in chain:
        for key, one in list(known.items()):
            was = version.questions.get(key)
            if was is not None:
                changed = one.changed or was.revision != one.revision or was.type != question.type
                # What it replaced then, it replaced with the meaning that it had then.
                known |= {key: _Ancestor(was.revision, changed), **_claims(was, changed)}
    found: dict[str, Literal["renamed", "changed"]] = {}
    for key, one in known.items():
        was = old.questions.get(key)
        if was is not None:
            changed = one.changed or was.revision != one.revision or was.type != question.type
            found[key] = "changed" if changed else "renamed"
    return dict(sorted(found.items(), key=lambda item: item[1] == "changed"))


def _claims(question: Question, changed: bool) -> dict[str, _Ancestor]:
    found = {}
    for claim in question.formerly:
        key, _, revision = claim.partition("@")
        found[key] = _Ancestor(int(revision), changed)
    return found
