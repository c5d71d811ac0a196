"""Passwords: argon2id, at most two at a time in a process, never inside a write transaction."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.db import refuse_slow_work
from portal.faults import Invalid, Unavailable
from portal.settings import Settings

SHORTEST, LONGEST = 12, 200
_slots = threading.BoundedSemaphore(2)
WAIT_SECONDS = 10
GIVE_WAY = 10  # of 19: a sign-in gets what the pages of those who are at work leave over, and never nothing
T = TypeVar("T")

# The passwords that are tried first; anything containing one of these and little else is refused.
COMMON = (
    "correcthorsebatterystaple",
    "vendorriskportal",
    "administrator",
    "123456789012",
    "qwertyuiop",
    "qwertzuiop",
    "vendorrisk",
    "iloveyou",
    "password",
    "passwort",
    "changeme",
    "letmein",
    "welcome",
)


@cache
def _hasher(cheap: bool) -> PasswordHasher:
    # RFC 9106, second recommended option (64 MiB, 3 passes), with 2 lanes for two-core machines
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1) if cheap else PasswordHasher(3, 65536, 2)


def hash_password(settings: Settings, password: str) -> str:
    """An argon2id hash string; about 0.1 s. Raises Unavailable when two others are at it for too long."""
    refuse_slow_work("hashing a password")
    with _Slot():
        return _aside(lambda: _hasher(settings.argon2_cheap).hash(password))


def verify_password(settings: Settings, stored: str | None, password: str) -> bool:
    """Whether ``password`` fits; an account without a password costs the same time as one with."""
    refuse_slow_work("verifying a password")
    with _Slot():
        try:
            return _aside(lambda: _verify(settings.argon2_cheap, stored, password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def _verify(cheap: bool, stored: str | None, password: str) -> bool:
    return _hasher(cheap).verify(stored or _nobody(cheap), password)


def _aside(work: Callable[[], T]) -> T:
    """``work`` in a thread of its own that gives way; the lanes of argon2 inherit that.

    One hash takes 0.2 s of processor time on purpose, and two of them both cores: everybody else would wait.
    """
    with ThreadPoolExecutor(1, initializer=_give_way) as one:
        return one.submit(work).result()


def _give_way() -> None:
    if sys.platform == "linux":  # there it is the thread that becomes nice, elsewhere the whole process
        os.nice(GIVE_WAY)


@cache
def _nobody(cheap: bool) -> str:
    """A hash that no one's password has, verified against when there is no account: equal work, equal time."""
    return _hasher(cheap).hash("no account has this password")


class _Slot:
    def __enter__(self) -> None:
        if not _slots.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("Many people are signing in at this moment. Please try again.")

    def __exit__(self, *error: object) -> None:
        _slots.release()


def require_sound(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Raise Invalid, with a sentence, for a password too short, too long, common, or made of ``about``."""
    folded = "".join(password.casefold().split())
    rest = folded
    for word in (*COMMON, *(part.casefold() for part in about if len(part) > 3)):
        rest = rest.replace(word, "")
    if len(password) < SHORTEST:
        raise _fault(f"Use at least {SHORTEST} characters. Four unrelated words are easy to remember.")
    if len(password) > LONGEST:
        raise _fault(f"Use at most {LONGEST} characters.")
    if len(set(folded)) < 5 or len(rest) < 6:
        raise _fault("This password is easy to guess. Four unrelated words are a good one.")


def _fault(sentence: str) -> Invalid:
    return Invalid(errors={"password": sentence})
