"""What all commands share: reading a PATH, faults on standard error, results on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from questionnaires.definition import Questionnaire


class InputError(Exception):
    """The input has errors: ``lines``, each with file and key."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self.lines = tuple(lines)


def complain(lines: Iterable[str]) -> None:
    """One line each on standard error."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def say(text: str) -> None:
    """A line, or a page, on standard output."""
    sys.stdout.write(f"{text}\n")


def load(argument: str) -> Questionnaire:
    """The definition that a PATH argument means. Raises InputError."""
    from questionnaires.catalog import UnknownQuestionnaire, resolve
    from questionnaires.faults import DefinitionError

    try:
        return resolve(argument)
    except UnknownQuestionnaire as error:
        raise InputError([f"{argument}: slug: {error}"]) from None
    except DefinitionError as error:
        raise InputError(map(str, error.faults)) from None
