"""How long an address and how large a body may be, said before anything of them is parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, request
from werkzeug.exceptions import BadRequest, LengthRequired, RequestEntityTooLarge

V = TypeVar("V", bound=Callable[..., Any])
LONGEST_PATH = 2_000
LARGEST_BODY = 2_000_000
MOST_FIELDS = 5_000
LARGEST_FILE = 25 * 1024 * 1024
LARGEST_UPLOAD = LARGEST_FILE + 200_000  # with the fields beside the file
MOST_PARTS = 60  # of a form with a file


def uploads(view: V) -> V:
    """Mark a view whose forms may bring a file of at most LARGEST_FILE; all others keep to LARGEST_BODY."""
    view.uploads = True  # type: ignore[attr-defined]  # read by check_size
    return view


def check_size() -> None:
    """Said before anything is parsed: a million empty fields fit into two megabytes and would take ten seconds.

    A body that does not tell its length would be cut off at the limit in silence.
    """
    length = request.content_length
    if length is None and "Transfer-Encoding" in request.headers:
        raise LengthRequired
    uploads = hasattr(current_app.view_functions[request.endpoint or ""], "uploads")
    if uploads and request.mimetype == "multipart/form-data":
        request.max_form_parts = MOST_PARTS
        largest = LARGEST_UPLOAD
    else:
        largest = LARGEST_BODY
    if length is not None and length > largest:
        raise RequestEntityTooLarge
    urlencoded = request.mimetype == "application/x-www-form-urlencoded"
    if (
        urlencoded and request.get_data().count(b"&") >= MOST_FIELDS
    ):  # parts of other forms are counted by werkzeug
        raise RequestEntityTooLarge


def check_address() -> None:
    """U+0000 and other control characters never reach a database; very long addresses are no address of ours."""
    target = request.full_path
    if len(target) > LONGEST_PATH:
        raise BadRequest("The address is too long.")
    decoded = request.path + "".join(k + v for k, v in request.args.items(multi=True))
    if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 or c == "\x7f" for c in decoded):
        raise BadRequest("The address holds a character that no address of ours has.")
