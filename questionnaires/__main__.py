"""The command line: check, hash, show, score, requirements, diff, carry, what-if, import.

Every command imports what it needs when it runs, so that ``hash`` starts in the time of its few imports.
Exit codes: 0 = done, 1 = the input has errors (one a line on standard error), 2 = wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

FORMATS = ("vsaq", "mvsp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse itself exits with 2 on wrong usage."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = _parser(given[:1]).parse_args(given)
    from questionnaires.inputs import InputError, complain

    try:
        if chosen.command == "hash":
            return _hash(chosen)
        from questionnaires import commands, commands_versions

        runs: dict[str, Callable[[argparse.Namespace], int]] = {
            "check": commands.check,
            "show": commands.show,
            "score": commands.score,
            "requirements": commands.requirements,
            "diff": commands_versions.diff,
            "carry": commands_versions.carry,
            "what-if": commands_versions.what_if,
            "import": commands.import_foreign,
        }
        return runs[chosen.command](chosen)
    except InputError as error:
        complain(error.lines)
        return 1


def _hash(chosen: argparse.Namespace) -> int:
    from questionnaires.inputs import load

    print(load(chosen.path).content_hash)
    return 0


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser of a fixed width: to find out the terminal's, argparse imports shutil for every run."""

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog=self.prog, width=100)


def _parser(chosen: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; where ``chosen`` names a command, of that command alone, since each costs a millisecond."""
    parser = _Parser(
        prog="python -m questionnaires",
        description="PATH is a folder, a JSON file or the slug@version of a shipped questionnaire.",
    )
    # Left to itself, argparse formats a whole usage to find the name of the program.
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command", prog=parser.prog)
    for name, (words, add_arguments) in _COMMANDS.items():
        if chosen == [name] or not chosen or chosen[0] not in _COMMANDS:
            add_arguments(commands.add_parser(name, help=words))
    return parser


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH")


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH")
    strict = "warnings are errors: the rule for shipped content"
    parser.add_argument("--strict", action="store_true", help=strict)


def _add_answers(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument("answers", metavar="ANSWERS.json")
    parser.add_argument("--json", action="store_true", help="everything, as canonical JSON")


def _add_more_answers(parser: argparse.ArgumentParser) -> None:
    _add_answers(parser)
    parser.add_argument(
        "--with",
        nargs=2,
        action="append",
        default=[],
        dest="more",
        metavar=("PATH", "ANSWERS.json"),
        help="answers to another questionnaire for the same engagement",
    )


def _add_versions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a PATH")
    parser.add_argument("new", metavar="NEW", help="a PATH")


def _add_diff(parser: argparse.ArgumentParser) -> None:
    _add_versions(parser)
    parser.add_argument("--json", action="store_true", help="every question, as canonical JSON")


def _add_carry(parser: argparse.ArgumentParser) -> None:
    _add_versions(parser)
    parser.add_argument("answers", metavar="ANSWERS.json")
    due = "the day on which documents must hold; without it that of the answers"
    parser.add_argument("--due", metavar="DATE", help=due)


def _add_what_if(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument("answers", nargs="+", metavar="ANSWERS.json")
    parser.add_argument(
        "--with",
        action="append",
        default=[],
        dest="more",
        metavar="PATH",
        help="a definition that answers are for, where it is not a shipped one",
    )


def _add_foreign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder for the TOML files")


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "check": ("list every fault of definitions, and warnings", _add_paths),
    "hash": ("print the content hash", _add_path),
    "show": ("print a page for people who do not read TOML", _add_path),
    "score": ("score answers, with reasons", _add_answers),
    "requirements": ("the contract requirements that answers call for", _add_more_answers),
    "diff": ("what differs between two versions, question by question", _add_diff),
    "carry": ("what old answers offer to a newer version", _add_carry),
    "what-if": ("what a definition would make of answers to others", _add_what_if),
    "import": ("turn a questionnaire of another format into a definition", _add_foreign),
}


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
