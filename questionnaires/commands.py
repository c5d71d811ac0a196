"""What the commands of the command line do; ``__main__`` says what they are called."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from questionnaires.inputs import InputError, complain, load, say

if TYPE_CHECKING:
    from questionnaires.answers import AnswersFile
    from questionnaires.definition import Questionnaire
    from questionnaires.faults import Fault
    from questionnaires.interchange.result import ImportResult
    from questionnaires.parsing import Draft


def print_json(value: object) -> None:
    """A line of canonical JSON on standard output."""
    from questionnaires.canonical import canonical_json

    say(canonical_json(value).decode())


def sound(argument: str) -> Questionnaire:
    """A definition without errors: only then are its conditions unable to fail."""
    from questionnaires.checking import errors

    definition = load(argument)
    faults = errors(definition)
    if faults:
        raise InputError(map(str, faults))
    return definition


def check(chosen: argparse.Namespace) -> int:
    """List every fault and warning of each path; 1 if there are faults."""
    from questionnaires.catalog import UnknownQuestionnaire, locate
    from questionnaires.parsing import read

    drafts: list[tuple[str, Draft]] = []
    bad = False
    for argument in chosen.paths:
        try:
            drafts.append((argument, read(locate(argument))))
        except UnknownQuestionnaire as error:
            complain([f"{argument}: slug: {error}"])
            bad = True
    given = [draft.definition for _, draft in drafts if draft.definition is not None and not draft.faults]
    for argument, draft in drafts:
        bad |= not _check_one(argument, draft, given, strict=chosen.strict)
    return 1 if bad else 0


def _check_one(argument: str, draft: Draft, given: list[Questionnaire], *, strict: bool) -> bool:
    faults = list(draft.faults)
    if draft.definition is not None:
        faults += _faults_of(draft.definition, given, draft)
    complain(map(str, faults))
    bad = [fault for fault in faults if strict or fault.severity == "error"]
    if not bad and draft.definition is not None:
        questions = len(draft.definition.questions)
        say(f"{argument}: {draft.definition.label} is sound, with {questions} questions")
    return not bad


def _faults_of(definition: Questionnaire, given: list[Questionnaire], draft: Draft) -> list[Fault]:
    """Faults and warnings; a version of an organisation's own is held against shipped keys as the portal does it."""
    from questionnaires import catalog
    from questionnaires.checking import check as all_faults
    from questionnaires.checking import check_own
    from questionnaires.checking_history import OWN
    from questionnaires.patterns import ordered

    own = any(key.startswith(OWN) for key in definition.questions) or definition.based_on is not None
    if catalog.versions(definition.slug) or not own:
        previous, others = _released(definition, given)
        return all_faults(definition, previous=previous, shipped=others, spoilt=draft.spoilt)
    line = [
        one
        for one in given
        if one.slug == definition.slug and ordered(one.version) < ordered(definition.version)
    ]
    shipped = [catalog.get(label) for label in catalog.shipped()]
    return check_own(definition, line=line, shipped=shipped, spoilt=draft.spoilt)


def _released(
    definition: Questionnaire, given: list[Questionnaire]
) -> tuple[Questionnaire | None, list[Questionnaire]]:
    """The newest version of the slug before this one, shipped or given beside it, and all shipped ones.

    Keys of a shipped questionnaire mean the same in every other; one that is not shipped has keys of its own.
    """
    from questionnaires import catalog
    from questionnaires.faults import DefinitionError
    from questionnaires.patterns import ordered

    others = [one for one in given if one.slug == definition.slug]
    if catalog.versions(definition.slug):
        for label in catalog.shipped():
            # A faulty neighbour is told of when it is checked itself.
            try:
                others.append(catalog.get(label))
            except DefinitionError:
                continue
    earlier = [
        one
        for one in others
        if one.slug == definition.slug and ordered(one.version) < ordered(definition.version)
    ]
    return max(earlier, key=lambda one: ordered(one.version), default=None), others


def show(chosen: argparse.Namespace) -> int:
    """Print a definition as a page."""
    from questionnaires.show import page

    say(page(sound(chosen.path)))
    return 0


def score(chosen: argparse.Namespace) -> int:
    """Print the result of an answers file."""
    from questionnaires.scoring import score as result_of

    definition = sound(chosen.path)
    file = answers_of(definition, chosen.answers)
    result = result_of(definition, file.answers, file.facts, file.as_of, file.shown)
    if chosen.json:
        say(result.to_bytes().decode())
    else:
        from questionnaires.show import result_page

        say(result_page(definition, result))
    return 0


def requirements(chosen: argparse.Namespace) -> int:
    """Print the contract requirements that all answers together call for."""
    from questionnaires.requirements import Answered, evaluate
    from questionnaires.requirements import load as load_catalogue

    answered = []
    facts: dict[str, Any] = {}
    for path, answers in [(chosen.path, chosen.answers), *chosen.more]:
        definition = sound(path)
        file = answers_of(definition, answers)
        answered.append(Answered(definition, file.answers, file.as_of, file.shown))
        for name, value in file.facts.items():
            if facts.setdefault(name, value) != value:
                raise InputError([f"{answers}: facts: {name} differs from the answers before"])
    catalogue = load_catalogue()
    outcomes = evaluate(catalogue, answered, facts)
    if chosen.json:
        print_json(
            {"content_hash": catalogue.content_hash, "outcomes": [outcome.to_json() for outcome in outcomes]}
        )
    else:
        from questionnaires.show import outcomes_page

        say(outcomes_page(outcomes))
    return 0


def answers_of(definition: Questionnaire, path: str) -> AnswersFile:
    """The answers file at ``path``, as types. Raises InputError."""
    from questionnaires.answers import AnswerErrors, parse_answers

    data = answers_table(path)
    try:
        return parse_answers(definition, data)
    except AnswerErrors as error:
        raise InputError(f"{path}: {one.key}: {one.message}" for one in error.errors) from None


def answers_table(path: str) -> dict[str, object]:
    """The JSON object at ``path``, in which no name stands twice. Raises InputError."""
    from questionnaires.sources import MAX_QUESTIONNAIRE, SourceError, doubled, json_table, read_bytes

    try:
        data = json_table(read_bytes(path, MAX_QUESTIONNAIRE))
    except SourceError as error:
        raise InputError([f"{path}: {error}"]) from None
    twice = [f"{path}: {place}: stands twice" for place in doubled(data)]
    if twice:
        raise InputError(twice)
    return data


def import_foreign(chosen: argparse.Namespace) -> int:
    """Read a foreign file, write a folder of TOML and print what was changed on the way."""
    from pathlib import Path

    from questionnaires.canonical import canonical_json
    from questionnaires.checking import errors
    from questionnaires.faults import DefinitionError
    from questionnaires.interchange.result import ForeignError
    from questionnaires.interchange.toml_folder import write_folder
    from questionnaires.parsing import parse_json
    from questionnaires.sources import SourceError, read_bytes

    name = chosen.file
    try:
        found = _read_foreign(chosen.format, read_bytes(name), name)
        definition = parse_json(canonical_json(found.definition_json), name)
        faults = errors(definition)
        if faults:
            raise DefinitionError(faults)
        written = write_folder(definition, Path(chosen.out))
    except SourceError as error:
        raise InputError([f"{name}: {error}"]) from None
    except ForeignError as error:
        raise InputError([f"{name}: {chosen.format}: {error}"]) from None
    except DefinitionError as error:
        raise InputError(map(str, error.faults)) from None
    except OSError as error:
        raise InputError([f"{error.filename}: out: cannot be written: {error.strerror}"]) from None
    say(f"{found.report}\nWritten to {chosen.out}, {len(written)} files")
    return 0


def _read_foreign(source_format: str, data: bytes, name: str) -> ImportResult:
    """The import of a file; MVSP brings slug and version itself. Raises ForeignError."""
    if source_format == "mvsp":
        from questionnaires.interchange.mvsp import read_mvsp

        return read_mvsp(data)
    from pathlib import Path

    from questionnaires.interchange.vsaq import read_vsaq

    return read_vsaq(data, slug=_slug(Path(name).stem))


def _slug(stem: str) -> str:
    """A slug from a file name, fit to be a segment of keys."""
    import re

    plain = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:60]
    return plain if plain[:1].isalpha() else f"imported_{plain}".rstrip("_")
