"""A mail server of bare sockets, which can wait, drip, refuse or die at any step of a letter."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

Step = Callable[["RawSmtp", socket.socket], bool | None]


@dataclass
class RawSmtp:
    """One thread a connection. ``at``: what happens before the answer to a step (greeting, MAIL, RCPT, DATA, dot); it
    returns False to hang up without a word. ``taken``: payloads that came whole, with their dot.
    """

    at: dict[str, Step] = field(default_factory=dict)
    taken: list[bytes] = field(default_factory=list)
    begun: int = 0

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listening.accept()
            except OSError:
                return
            self.begun += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            if not self._step("greeting", connection, b"220 raw\r\n"):
                return
            for line in iter(lines.readline, b""):
                word = line.split(b" ")[0].strip().upper().decode()
                if word == "DATA":
                    if not self._step("DATA", connection, b"354 go on\r\n"):
                        return
                    payload = b""
                    for part in iter(lines.readline, b""):
                        if part == b".\r\n":
                            self.taken.append(payload)
                            break
                        payload += part
                    else:
                        return  # no dot, no letter
                    if not self._step("dot", connection, b"250 taken\r\n"):
                        return
                elif word == "QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                elif not self._step(word, connection, b"250 well\r\n"):
                    return

    def _step(self, name: str, connection: socket.socket, answer: bytes) -> bool:
        what = self.at.get(name)
        if what is not None and what(self, connection) is False:
            return False
        connection.sendall(answer)
        return True


def hang_up(server: RawSmtp, connection: socket.socket) -> bool:
    return False


def drip(server: RawSmtp, connection: socket.socket) -> bool:
    """A byte at a time, each well within a socket's timeout, for ever."""
    connection.sendall(b"220-")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def refuse(answer: bytes) -> Step:
    def step(server: RawSmtp, connection: socket.socket) -> bool:
        connection.sendall(answer)
        return False

    return step
