"""The embedded server: waitress with the worker as one thread beside it."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # ships no types
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]  # the same
from waitress.server import create_server  # type: ignore[import-untyped]  # the same
from waitress.utilities import RequestEntityTooLarge  # type: ignore[import-untyped]  # the same

from portal.bodies import LARGEST_UPLOAD
from portal.faults import StartupFault
from portal.web import Portal
from portal.worker import start_embedded

THREADS = 8
LARGEST_PIECE = 256 * 1024  # what is read from a connection at once: 25 MB take a hundred turns, not 3,000
# A thread that writes comes back from each of SQLite's calls at once: nobody else writes meanwhile. Python's own 5 ms
# made it wait five times as long behind those who read or render.
SWITCH_SECONDS = 0.001
FIRST_PASS_SECONDS = 20
LARGEST_READ = 2 * LARGEST_UPLOAD  # a little too large is read to its end, so that browsers show our page


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress ships no types
    """Hands a request that is far too large to the portal at once, without its body, which says so on a page."""

    error: object

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            self.error, self.expect_continue = None, False
            if self.chunked:
                self.headers["CONTENT_LENGTH"] = str(self.body_bytes_received)
            self.headers["CONNECTION"] = "close"  # what follows is the rest of the body, and no request
            self.close()
            self.body_rcv = None
        return consumed


def require_free(host: str, port: int) -> None:
    """Raise StartupFault when nobody can listen there; asked before anything is written."""
    try:
        with socket.create_server((host, port)):
            pass
    except (OSError, OverflowError) as error:
        raise _cannot_listen(host, port, error) from error


def serve(app: Portal, host: str, port: int, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is called once requests are taken and the worker has begun."""
    HTTPChannel.parser_class = Parser
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            recv_bytes=LARGEST_PIECE,
            ident="",
            max_request_body_size=LARGEST_READ,
            clear_untrusted_proxy_headers=not app.settings.trusted_proxies,
        )
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    signal.signal(signal.SIGTERM, _end)
    sys.setswitchinterval(SWITCH_SECONDS)
    worker = start_embedded(app)
    try:
        worker.first_pass.wait(FIRST_PASS_SECONDS)
        ready()
        server.run()
    except (KeyboardInterrupt, SystemExit):
        pass  # asked to end before the server ran
    finally:
        worker.stop()
        server.close()
        app.database.dispose()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _cannot_listen(host: str, port: int, error: Exception) -> StartupFault:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return StartupFault(
            f"Port {port} on {host} is taken by another program. Choose another one with --port."
        )
    if number in (errno.EACCES, errno.EPERM):
        return StartupFault(f"Port {port} on {host} is not allowed for this user. Choose one above 1023.")
    return StartupFault(f"The portal cannot listen on {host}, port {port}: {error}.")
