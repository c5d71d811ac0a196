"""Problem documents (RFC 9457): what the API answers when it does not do what it was asked.

``type`` is an address of the documentation, ``code`` a word for programs, ``detail`` a sentence of ours, never a value
of the client's. ``errors`` names what is wrong: ``pointer`` (RFC 6901) into the body, or ``parameter`` by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from portal.faults import Fault

MIMETYPE = "application/problem+json"
LONGEST_POINTER = 300


@dataclass(frozen=True, slots=True)
class Meaning:
    """What stands behind a code: the status, a title that never changes, and what to do about it."""

    status: int
    title: str
    help: str


MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "malformed": Meaning(
            400,
            "The request cannot be read",
            "The body is no JSON, or the address holds what none of ours has.",
        ),
        "token_invalid": Meaning(
            401,
            "A valid token is needed",
            "Send “Authorization: Bearer vrp_...”. The token is missing, mistyped, expired or revoked, or its person "
            "does not belong to the organisation any more.",
        ),
        "insufficient_scope": Meaning(
            403, "The token's scopes do not allow this", "Make a token that holds a scope of this operation."
        ),
        "role": Meaning(
            403,
            "The person's role does not allow this",
            "A token never does more than its person may do. Somebody with another role has to make one.",
        ),
        "second_factor": Meaning(
            403,
            "The person owes a second factor",
            "The organisation asks for a second factor, and the token's person has set up none.",
        ),
        "sign_in_provider": Meaning(
            403,
            "The person has to come by their organisation's sign-in",
            "The organisation's own provider signs the token's person in, and they have not come by it for 30 days.",
        ),
        "not_found": Meaning(
            404, "There is no such thing here", "It does not exist, or this token's person may not see it."
        ),
        "method_not_allowed": Meaning(
            405, "This address does not take this method", "“Allow” says which it takes."
        ),
        "conflict": Meaning(409, "The state of things does not allow this", "Read it again and decide anew."),
        "idempotency_subject_gone": Meaning(
            409,
            "What this key made before cannot be seen any more",
            "The request was carried out under this key; what it made has been destroyed, or is out of sight.",
        ),
        "length_required": Meaning(411, "The body's length is needed", "Send Content-Length."),
        "precondition_failed": Meaning(
            412, "It has changed meanwhile", "Read it again and send the new ETag as If-Match."
        ),
        "too_large": Meaning(413, "The body is too large", "At most 200 kB."),
        "unsupported_media_type": Meaning(
            415, "The body has to be JSON", "Send “Content-Type: application/json”."
        ),
        "invalid": Meaning(422, "The input cannot be taken", "“errors” says what is wrong where."),
        "idempotency_key_reused": Meaning(
            422,
            "This key belongs to another request",
            "A key names one request: the same method, address and body. Choose a fresh one.",
        ),
        "precondition_required": Meaning(
            428, "If-Match is needed", "Read it first and send its ETag as If-Match."
        ),
        "throttled": Meaning(429, "Too many requests", "Wait as many seconds as “Retry-After” says."),
        "defect": Meaning(
            500, "A fault of ours", "“instance” finds it in the log of whoever runs the portal."
        ),
        "busy": Meaning(503, "Not now", "Send it again after “Retry-After” seconds."),
    }
)
# What a status means when nobody says more.
USUAL: Mapping[int, str] = MappingProxyType(
    {
        400: "malformed",
        401: "token_invalid",
        403: "role",
        404: "not_found",
        405: "method_not_allowed",
        409: "conflict",
        411: "length_required",
        412: "precondition_failed",
        413: "too_large",
        415: "unsupported_media_type",
        422: "invalid",
        428: "precondition_required",
        429: "throttled",
        500: "defect",
        503: "busy",
    }
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong: where, and a sentence of ours. Without ``pointer`` and ``parameter``: the whole."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def plain(self) -> dict[str, str]:
        found = {"detail": self.detail}
        if self.pointer is not None:
            found["pointer"] = self.pointer[:LONGEST_POINTER]
        if self.parameter is not None:
            found["parameter"] = self.parameter[:LONGEST_POINTER]
        return found


class Refusal(Fault):
    """A refusal of the API with its own code; errors.py makes the document."""

    def __init__(
        self,
        code: str,
        message: str = "",
        wrong: Sequence[Wrong] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or MEANINGS[code].help)
        self.code = code
        self.wrong = tuple(wrong)
        self.headers = dict(headers or {})


def pointer(*parts: object) -> str:
    """A JSON pointer (RFC 6901) to a member of the body; no parts: the body itself."""
    return "".join("/" + str(one).replace("~", "~0").replace("/", "~1") for one in parts)


def document(
    code: str, *, detail: str = "", wrong: Sequence[Wrong] = (), base_url: str = "", instance: str = ""
) -> dict[str, Any]:
    """The document of a code; ``instance``: the request's id, by which its lines in the log are found."""
    meaning = MEANINGS[code]
    found: dict[str, Any] = {
        "type": f"{base_url}/api/v1/#problem-{code}",
        "title": meaning.title,
        "status": meaning.status,
        "code": code,
        "detail": detail or meaning.help,
        "instance": instance,
    }
    if wrong:
        found["errors"] = [one.plain() for one in wrong]
    return found
