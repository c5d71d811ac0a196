"""Somebody else's server on loopback, with a certificate of its own authority: what webhooks are delivered to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = (ip_network("127.0.0.0/8"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Request:
    """What came in: the request line, headers by name in lower case, the body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``answers`` are given one after the other, the last again and again; a callable writes to the socket itself."""

    port: int
    answers: list[bytes | Callable[[socket.socket], None]]
    requests: list[Request] = field(default_factory=list)

    def url(self, host: str = "localhost", path: str = "/hook") -> str:
        return f"https://{host}:{self.port}{path}"


def authority(folder: Path, *names: str) -> tuple[Path, Path]:
    """(certificate of a new authority, chain and key of a server that bears ``names``), as PEM files."""
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
        )

    root = (
        begun(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    others = [x509.IPAddress(ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]
    leaf = (
        begun(server, key.public_key())
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(root.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem) + private)
    return folder / "authority.pem", folder / "server.pem"


@contextmanager
def receiving(chain: Path | None, *answers: bytes | Callable[[socket.socket], None]) -> Iterator[Receiver]:
    """A server on a free port of loopback; ``chain`` None: without TLS."""
    context = None
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
    with socket.create_server(("127.0.0.1", 0)) as server:
        receiver = Receiver(server.getsockname()[1], list(answers or [OK]))
        thread = threading.Thread(target=_serve, args=(server, context, receiver), daemon=True)
        thread.start()
        yield receiver
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _serve(server: socket.socket, context: ssl.SSLContext | None, receiver: Receiver) -> None:
    while True:
        try:
            channel, _address = server.accept()
        except OSError:
            return
        with suppress(OSError), channel:
            channel.settimeout(20)
            if context is None:
                _answer(channel, receiver)
                continue
            with context.wrap_socket(channel, server_side=True) as secured:
                _answer(secured, receiver)


def _answer(channel: socket.socket, receiver: Receiver) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = channel.recv(65536)
        if not piece:
            return
        data += piece
    head, _end, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _colon, value in (one.partition(": ") for one in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        body += channel.recv(65536)
    answer = receiver.answers[min(len(receiver.requests), len(receiver.answers) - 1)]
    receiver.requests.append(Request(line, headers, body))
    if callable(answer):
        answer(channel)
    else:
        channel.sendall(answer)
