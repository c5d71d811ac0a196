"""The malware scanner: clamd by its INSTREAM command, over TCP or a Unix socket.

Protocol: ``zINSTREAM\\0``, then pieces of four length bytes and data, then a length of 0; the answer ends in NUL:
``stream: OK``, ``stream: <signature> FOUND`` or ``... ERROR`` (clamd(8)).
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import IO

from portal.db import refuse_slow_work
from portal.faults import Unavailable

PIECE = 64 * 1024
CONNECT_SECONDS, ANSWER_SECONDS = 5, 60
LONGEST_ANSWER = 4096
DOWN = (
    "The malware scanner does not answer, so the file was not kept. Everything else that you wrote is still here; "
    "choose the file again in a few minutes."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``scan``: not_scanned, clean or infected; ``signature`` names what was found, as a code."""

    scan: str
    signature: str = ""


def scan(scanner: str, file: IO[bytes]) -> Verdict:
    """What the scanner of the settings says of ``file``; without one nothing is asked. Raises Unavailable."""
    if not scanner:
        return Verdict("not_scanned")
    refuse_slow_work("scanning a file")
    file.seek(0)
    try:
        with _connect(scanner) as channel:
            answer = _instream(channel, file)
    except OSError as error:
        raise Unavailable(DOWN) from error
    if answer == "stream: OK":
        return Verdict("clean")
    found = re.fullmatch(r"stream: (.+) FOUND", answer)
    if found is None:
        raise Unavailable(DOWN)
    return Verdict("infected", re.sub(r"[^A-Za-z0-9._-]", "_", found.group(1))[:100])


def _connect(scanner: str) -> socket.socket:
    place = scanner.removeprefix("clamd:")
    if place.startswith("unix:"):
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            channel.settimeout(CONNECT_SECONDS)
            channel.connect(place.removeprefix("unix:"))
        except OSError:
            channel.close()
            raise
    else:
        host, _colon, port = place.rpartition(":")
        channel = socket.create_connection((host, int(port)), CONNECT_SECONDS)
    channel.settimeout(ANSWER_SECONDS)
    return channel


def _instream(channel: socket.socket, file: IO[bytes]) -> str:
    try:
        channel.sendall(b"zINSTREAM\0")
        while piece := file.read(PIECE):
            channel.sendall(len(piece).to_bytes(4) + piece)
        channel.sendall(bytes(4))
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has said something before the end, such as that the file is too large for it
    answer = b""
    while b"\0" not in answer and len(answer) < LONGEST_ANSWER:
        piece = channel.recv(1024)
        if not piece:
            break
        answer += piece
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()
