"""The command line: check, hash, show, score, requirements, import.

Every command imports what it needs when it runs, so that ``hash`` starts in the time of its few imports.
Exit codes: 0 = done, 1 = the input has errors (one a line on standard error), 2 = wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from questionnaires.answers import AnswersFile
    from questionnaires.definition import Questionnaire
    from questionnaires.parsing import Draft

FORMATS = ("vsaq",)


class InputError(Exception):
    """The input has errors: ``lines``, each with file and key."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self.lines = tuple(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse itself exits with 2 on wrong usage."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except InputError as error:
        _complain(error.lines)
        return 1


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser of a fixed width: to find out the terminal's, argparse imports shutil for every run."""

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog=self.prog, width=100)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m questionnaires",
        description="PATH is a folder, a JSON file or the slug@version of a shipped questionnaire.",
    )
    commands = parser.add_subparsers(
        required=True,
        metavar="COMMAND",
        # Left to itself, argparse formats a whole usage to find this name.
        prog=parser.prog,
    )

    check = commands.add_parser("check", help="list every fault of definitions, and warnings")
    check.add_argument("paths", nargs="+", metavar="PATH")
    check.add_argument(
        "--strict", action="store_true", help="warnings are errors: the rule for shipped content"
    )
    check.set_defaults(run=_check)

    digest = commands.add_parser("hash", help="print the content hash")
    digest.add_argument("path", metavar="PATH")
    digest.set_defaults(run=_hash)

    show = commands.add_parser("show", help="print a page for people who do not read TOML")
    show.add_argument("path", metavar="PATH")
    show.set_defaults(run=_show)

    score = commands.add_parser("score", help="score answers, with reasons")
    score.add_argument("path", metavar="PATH")
    score.add_argument("answers", metavar="ANSWERS.json")
    score.add_argument("--json", action="store_true", help="the whole result as canonical JSON")
    score.set_defaults(run=_score)

    requirements = commands.add_parser("requirements", help="the contract requirements that answers call for")
    requirements.add_argument("path", metavar="PATH")
    requirements.add_argument("answers", metavar="ANSWERS.json")
    requirements.add_argument(
        "--with",
        nargs=2,
        action="append",
        default=[],
        dest="more",
        metavar=("PATH", "ANSWERS.json"),
        help="answers to another questionnaire for the same engagement",
    )
    requirements.add_argument("--json", action="store_true", help="all outcomes as canonical JSON")
    requirements.set_defaults(run=_requirements)

    foreign = commands.add_parser("import", help="turn a questionnaire of another format into a definition")
    foreign.add_argument("format", choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    foreign.add_argument("file", metavar="FILE")
    foreign.add_argument("--out", required=True, metavar="DIR")
    foreign.set_defaults(run=_import)
    return parser


def _complain(lines: Iterable[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _print_json(value: object) -> None:
    from questionnaires.canonical import canonical_json

    print(canonical_json(value).decode())


def _load(argument: str) -> Questionnaire:
    from questionnaires.catalog import UnknownQuestionnaire, resolve
    from questionnaires.faults import DefinitionError

    try:
        return resolve(argument)
    except UnknownQuestionnaire as error:
        raise InputError([f"{argument}: slug: {error}"]) from None
    except DefinitionError as error:
        raise InputError(map(str, error.faults)) from None


def _sound(argument: str) -> Questionnaire:
    """A definition without errors: only then are its conditions unable to fail."""
    from questionnaires.checking import errors

    definition = _load(argument)
    faults = errors(definition)
    if faults:
        raise InputError(map(str, faults))
    return definition


def _hash(chosen: argparse.Namespace) -> int:
    print(_load(chosen.path).content_hash)
    return 0


def _check(chosen: argparse.Namespace) -> int:
    from questionnaires.catalog import UnknownQuestionnaire, locate
    from questionnaires.parsing import read

    drafts: list[tuple[str, Draft]] = []
    bad = False
    for argument in chosen.paths:
        try:
            drafts.append((argument, read(locate(argument))))
        except UnknownQuestionnaire as error:
            _complain([f"{argument}: slug: {error}"])
            bad = True
    given = [draft.definition for _, draft in drafts if draft.definition is not None and not draft.faults]
    for argument, draft in drafts:
        bad |= not _check_one(argument, draft, given, strict=chosen.strict)
    return 1 if bad else 0


def _check_one(argument: str, draft: Draft, given: list[Questionnaire], *, strict: bool) -> bool:
    faults = list(draft.faults)
    if draft.definition is not None:
        from questionnaires.checking import check

        previous, others = _released(draft.definition, given)
        faults += check(draft.definition, previous=previous, shipped=others, spoilt=draft.spoilt)
    _complain(map(str, faults))
    bad = [fault for fault in faults if strict or fault.severity == "error"]
    if not bad and draft.definition is not None:
        questions = len(draft.definition.questions)
        print(f"{argument}: {draft.definition.label} is sound, with {questions} questions")
    return not bad


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


def _show(chosen: argparse.Namespace) -> int:
    from questionnaires.show import page

    print(page(_sound(chosen.path)))
    return 0


def _score(chosen: argparse.Namespace) -> int:
    from questionnaires.scoring import score

    definition = _sound(chosen.path)
    file = _answers(definition, chosen.answers)
    result = score(definition, file.answers, file.facts, file.as_of, file.shown)
    if chosen.json:
        print(result.to_bytes().decode())
    else:
        from questionnaires.show import result_page

        print(result_page(definition, result))
    return 0


def _requirements(chosen: argparse.Namespace) -> int:
    from questionnaires.requirements import Answered, evaluate, load

    answered = []
    facts: dict[str, Any] = {}
    for path, answers in [(chosen.path, chosen.answers), *chosen.more]:
        definition = _sound(path)
        file = _answers(definition, answers)
        answered.append(Answered(definition, file.answers, file.as_of, file.shown))
        for name, value in file.facts.items():
            if facts.setdefault(name, value) != value:
                raise InputError([f"{answers}: facts: {name} differs from the answers before"])
    catalogue = load()
    outcomes = evaluate(catalogue, answered, facts)
    if chosen.json:
        _print_json(
            {"content_hash": catalogue.content_hash, "outcomes": [outcome.to_json() for outcome in outcomes]}
        )
    else:
        from questionnaires.show import outcomes_page

        print(outcomes_page(outcomes))
    return 0


def _answers(definition: Questionnaire, path: str) -> AnswersFile:
    from questionnaires.answers import AnswerErrors, parse_answers
    from questionnaires.sources import MAX_QUESTIONNAIRE, SourceError, doubled, json_table, read_bytes

    try:
        data = json_table(read_bytes(path, MAX_QUESTIONNAIRE))
    except SourceError as error:
        raise InputError([f"{path}: {error}"]) from None
    twice = [f"{path}: {place}: stands twice" for place in doubled(data)]
    if twice:
        raise InputError(twice)
    try:
        return parse_answers(definition, data)
    except AnswerErrors as error:
        raise InputError(f"{path}: {one.key}: {one.message}" for one in error.errors) from None


def _import(chosen: argparse.Namespace) -> int:
    from pathlib import Path

    from questionnaires.canonical import canonical_json
    from questionnaires.checking import errors
    from questionnaires.faults import DefinitionError
    from questionnaires.interchange.toml_folder import write_folder
    from questionnaires.interchange.vsaq import VsaqError, read_vsaq
    from questionnaires.parsing import parse_json
    from questionnaires.sources import SourceError, read_bytes

    name = chosen.file
    try:
        found = read_vsaq(read_bytes(name), slug=_slug(Path(name).stem))
        definition = parse_json(canonical_json(found.definition_json), name)
        faults = errors(definition)
        if faults:
            raise DefinitionError(faults)
        written = write_folder(definition, Path(chosen.out))
    except SourceError as error:
        raise InputError([f"{name}: {error}"]) from None
    except VsaqError as error:
        raise InputError([f"{name}: {chosen.format}: {error}"]) from None
    except DefinitionError as error:
        raise InputError(map(str, error.faults)) from None
    except OSError as error:
        raise InputError([f"{error.filename}: out: cannot be written: {error.strerror}"]) from None
    print(found.report, end="")
    print(f"\nWritten to {chosen.out}, {len(written)} files")
    return 0


def _slug(stem: str) -> str:
    """A slug from a file name, fit to be a segment of keys."""
    import re

    plain = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:60]
    return plain if plain[:1].isalpha() else f"imported_{plain}".rstrip("_")


if __name__ == "__main__":
    # Pages hold any language; a terminal that cannot show a letter gets its number.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # a text stream
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
