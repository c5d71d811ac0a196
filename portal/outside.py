"""The one way out of the portal: which addresses may be called, and one request to one that has been judged.

Whoever types an address here (a webhook, a sign-in provider) must not reach what only this machine reaches (server-side
request forgery). So a name is looked up once, every address that it has is judged, and the connection is made to a
judged one: a name that answers otherwise the second time (DNS rebinding) changes nothing. No redirect is followed, no
proxy of the environment is used, no cookie is kept.

Special addresses: the IANA registries as ``ipaddress.is_global`` has them, and what that leaves open (translated and
tunnelled IPv4, RFC 6052, 3056, 4380; site-local, RFC 3879). Host names that programs read as numbers: the "ends in a
number" rule of the WHATWG URL standard.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from portal.db import refuse_slow_work

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST = 500
AGENT = "VendorRiskPortal/1"
MOST_TRIED = 3  # addresses of one name, all of them judged
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_MAPPED_BY_NAT = ip_network("64:ff9b::/96")
_REFUSED: tuple[Network, ...] = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "fc00::/7",
        "fec0::/10",
    )
)
# One sentence for a name that is not known and for one within: who asks learns nothing of the network inside.
NOT_CALLED = "This address is not called: its name is not known, or it lies in a network that the portal does not call."


class Forbidden(ValueError):
    """An address that may not be called; the text is a sentence for a person and names no address behind a name."""


class Failed(OSError):
    """The call was made and came to nothing. ``code``: timeout, refused, tls or broken."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """An address in parts. ``host`` is ASCII, in lower case; ``path`` begins with "/" and holds the query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def named(self) -> str:
        """What stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of ``headers`` are in lower case. ``whole``: False when the body was longer or shorter."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True


def checked(url: str, *, allow: Sequence[Network]) -> Target:
    """``url`` in parts, by its form alone; raises Forbidden with the reason. Nothing is looked up."""
    if len(url) > LONGEST:
        raise Forbidden(f"This address is too long: at most {LONGEST} characters are taken.")
    if not url.isprintable() or re.search(r"[\s\\]", url):
        raise Forbidden("This address holds a space or another sign that no address may hold.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("This is no address. Write it like https://example.com/path.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Forbidden("This is no address. Write it like https://example.com/path.")
    secure = parts.scheme == "https"
    if not secure and not allow:
        raise Forbidden("The address must begin with https://.")
    if "@" in parts.netloc:
        raise Forbidden("Leave the name and the password out of the address.")
    if parts.fragment or url.endswith("#"):
        raise Forbidden("Leave out the part after #; it is never sent.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise Forbidden("Write the part after the host in plain letters (percent-encoded).")
    if port is None:
        port = 443 if secure else 80
    elif port < 1024 and port != (443 if secure else 80):
        raise Forbidden("This port is not called. Use 443, or one from 1024 on.")
    target = Target(secure=secure, host=_host(parts.hostname), port=port, path=path)
    literal = _literal(target.host)
    if literal is not None and not may_be_called(literal, allow=allow, secure=secure):
        raise Forbidden(NOT_CALLED)
    return target


def _host(host: str) -> str:
    """The host in its ASCII form; raises Forbidden for what no resolver should be asked."""
    if "%" in host:
        raise Forbidden("An address with a zone or an encoded host is not called.")
    literal = _literal(host)
    if literal is not None:
        return str(literal)
    try:
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise Forbidden("The host of this address is no name.") from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Forbidden("The host of this address is no name.")
    if _NUMBER.fullmatch(labels[-1]):  # 127.1, 0x7f.1, 2130706433: a resolver takes them for addresses
        literal = _literal(name)
        if literal is None:
            raise Forbidden("Write an address in figures in its full form, such as 192.0.2.1.")
        return str(literal)
    return name


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def may_be_called(address: Address, *, allow: Sequence[Network], secure: bool = True) -> bool:
    """Whether a connection to ``address`` may be made. ``allow``: networks that whoever runs the portal has named.

    Without TLS only those. Nothing lifts the ban on addresses of no one machine and of the link, where the
    descriptions of virtual machines, with their keys, are served (169.254.169.254).
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        inner = _inner(address)
        if inner is not None:
            return may_be_called(inner, allow=allow, secure=secure)
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return False
    if any(address in network for network in allow):
        return True
    return (
        secure and address.is_global and not address.is_reserved and not any(address in n for n in _REFUSED)
    )


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a connection to this one would end at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _MAPPED_BY_NAT:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def resolved(target: Target, *, allow: Sequence[Network], seconds: float = 5.0) -> list[str]:
    """The addresses of ``target``, all of which may be called; one look-up. Raises Forbidden or Failed("timeout")."""
    refuse_slow_work("looking up a name")
    found: list[str] = []
    faults: list[Exception] = []

    def look() -> None:
        try:
            known = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            found.extend(str(one[4][0]) for one in known)
        except (OSError, UnicodeError) as error:
            faults.append(error)

    asking = threading.Thread(
        target=look, name="portal-look-up", daemon=True
    )  # a resolver knows no time limit
    asking.start()
    asking.join(seconds)
    if asking.is_alive():
        raise Failed("timeout")
    addresses = list(dict.fromkeys(found))
    if faults or not addresses:
        raise Forbidden(NOT_CALLED)
    for one in addresses:
        literal = _literal(one)
        if literal is None or not may_be_called(literal, allow=allow, secure=target.secure):
            raise Forbidden(NOT_CALLED)
    return addresses


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    allow: Sequence[Network],
    seconds: float = 10.0,
    most: int = 65_536,
) -> Answer:
    """One request to ``url``, all in all within ``seconds``, reading at most ``most`` bytes of the answer's body.

    Any status is an answer, a redirect too. Raises Forbidden, or Failed when there is no whole answer in time.
    """
    refuse_slow_work("calling an address")
    ends = time.monotonic() + seconds
    target = checked(url, allow=allow)
    addresses = resolved(target, allow=allow, seconds=seconds)
    connection = _Pinned(target, addresses, ends)
    closing = threading.Timer(max(0.0, ends - time.monotonic()), connection.cut_off)
    closing.daemon = True
    closing.start()
    try:
        connection.request(
            method,
            target.path,
            body=body or None,
            headers={
                "User-Agent": AGENT,
                "Accept-Encoding": "identity",
                "Connection": "close",
                **headers,
                "Host": target.named,
            },
        )
        response = connection.getresponse()
        content = response.read(most + 1)
        whole = (
            len(content) <= most and not response.length
        )  # read(n) says nothing of an end that came too early
        answer = Answer(response.status, _lower(response), content[:most], whole=whole)
    except (OSError, http.client.HTTPException) as error:
        raise Failed("timeout" if connection.is_cut_off else _code(error)) from None
    finally:
        closing.cancel()
        connection.close()
    if connection.is_cut_off:
        raise Failed("timeout")
    return answer


def _code(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError):
        return "tls"
    return "refused" if isinstance(error, ConnectionRefusedError) else "broken"


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    together: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        together.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in together.items()}


def _trusting() -> ssl.SSLContext:
    """What judges certificates, by the authorities that this machine trusts now."""
    paths = ssl.get_default_verify_paths()
    written = os.stat(paths.cafile).st_mtime_ns if paths.cafile else 0
    return _made_trusting(paths.cafile, paths.capath, written)


@functools.lru_cache(maxsize=4)
def _made_trusting(_file: str | None, _folder: str | None, _written: int) -> ssl.SSLContext:
    """Reading some hundred authorities takes a tenth of a second: once for each state of their file."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Pinned(http.client.HTTPConnection):
    """A connection to judged addresses; certificate and server name stay those of the name that was asked for."""

    def __init__(self, target: Target, addresses: Sequence[str], ends: float) -> None:
        super().__init__(target.host, target.port)
        self.target = target
        self.addresses = addresses
        self.ends = ends
        self.is_cut_off = False

    def connect(self) -> None:
        context = _trusting() if self.target.secure else None  # slow, so before there is anything to cut off
        plain = self._connected()
        self._hold(plain)
        if context is None:
            return
        # The handshake comes after, so that cut_off() finds the socket that has taken the plain one's place.
        secured = context.wrap_socket(plain, server_hostname=self.target.host, do_handshake_on_connect=False)
        self._hold(secured)
        secured.do_handshake()

    def _hold(self, sock: socket.socket) -> None:
        """From now on this is what cut_off() ends; it came once and before: then the end is here.

        In this order, and cut_off() in the other, so that one of the two sees what the other has written.
        """
        self.sock = sock
        if self.is_cut_off:
            raise TimeoutError

    def _connected(self) -> socket.socket:
        fault: OSError = TimeoutError()
        for address in self.addresses[:MOST_TRIED]:
            left = self.ends - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                return socket.create_connection((address, self.target.port), left)
            except OSError as error:
                fault = error
        raise fault

    def cut_off(self) -> None:
        """End the call from another thread: whoever waits for a byte that never comes gets the end of it."""
        self.is_cut_off = True
        if self.sock is not None:
            with contextlib.suppress(OSError):  # it is closed already
                # Not SSLSocket's own, which takes away the cipher under the thread that reads.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
