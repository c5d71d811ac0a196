"""The embedded server: waitress with the worker as one thread beside it."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType

from waitress.server import create_server  # type: ignore[import-untyped]  # ships no types

from portal.faults import StartupFault
from portal.web import LARGEST_BODY, Portal
from portal.worker import start_embedded

THREADS = 8
FIRST_PASS_SECONDS = 20


def require_free(host: str, port: int) -> None:
    """Raise StartupFault when nobody can listen there; asked before anything is written."""
    try:
        with socket.create_server((host, port)):
            pass
    except (OSError, OverflowError) as error:
        raise _cannot_listen(host, port, error) from error


def serve(app: Portal, host: str, port: int, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is called once requests are taken and the worker has begun."""
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            ident="",
            max_request_body_size=10
            * LARGEST_BODY,  # beyond, so that the portal says it on a page of its own
            clear_untrusted_proxy_headers=not app.settings.trusted_proxies,
        )
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    signal.signal(signal.SIGTERM, _end)
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
