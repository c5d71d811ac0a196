"""The five bases of every exception that the domain raises; ``errors.py`` maps each once to a page and a status."""

from __future__ import annotations


class Fault(Exception):
    """A refusal with a sentence for the person; never carries another tenant's data."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotFound(Fault):
    """There is no such thing for this identity: absent and not yours are one answer (404)."""


class Refused(Fault):
    """The identity may see the subject but not do this (403)."""


class Conflict(Fault):
    """The subject has moved on since the person looked at it (409)."""


class Invalid(Fault):
    """The input cannot be taken (422). ``errors`` maps a field's name to its sentence; empty = the whole form."""

    def __init__(self, message: str = "", errors: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or {}


class Unavailable(Fault):
    """Not now, but later: busy or down (503, Retry-After)."""


class Throttled(Refused):
    """Too many attempts (429). ``retry_after`` in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StartupFault(Exception):
    """The process cannot start; the text is one plain sentence for whoever started it."""


class SignedOut(Fault):
    """The page needs a signed-in person; what was posted is kept and offered again after sign-in."""


class OwesFactor(Fault):
    """The organisation demands a second factor that this person has not set up: first that, then its pages."""


class OwesProvider(Fault):
    """The organisation lets this person in by its own sign-in provider alone, and they came otherwise."""
