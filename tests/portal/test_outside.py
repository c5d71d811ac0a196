"""The one way out: which addresses are called at all, and what a hostile server can do to a call (nothing)."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from portal import outside
from portal.db import SYSTEM, Database
from tests.portal.receiver import LOOPBACK, OK, Receiver, authority, receiving

CALLED = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::5"]
REFUSED = {
    "this machine": ["127.0.0.1", "127.8.9.10", "::1", "0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "the link": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0"],
    "carriers": ["100.64.0.1", "100.127.255.254"],
    "tests and papers": ["198.18.0.1", "198.19.255.254", "192.0.2.1", "203.0.113.9", "2001:db8::1", "100::1"],
    "protocols": ["192.0.0.1", "192.0.0.170", "192.88.99.1"],
    "many": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "255.255.255.255", "240.0.0.1"],
    "site": ["fec0::1", "feff::1"],
    "IPv4 within": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1"],
    "translated": ["64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1"],
    "tunnelled": ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1"],
}


@pytest.mark.parametrize("address", CALLED)
def test_addresses_of_the_world_are_called(address: str) -> None:
    assert outside.may_be_called(ip_address(address), allow=())
    assert not outside.may_be_called(ip_address(address), allow=(), secure=False), "and by TLS alone"


@pytest.mark.parametrize("address", [one for group in REFUSED.values() for one in group])
def test_addresses_within_are_not(address: str) -> None:
    assert not outside.may_be_called(ip_address(address), allow=())
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(outside.Forbidden):
        outside.checked(f"https://{host}/", allow=())


def test_whoever_runs_the_portal_may_name_networks_but_never_the_link() -> None:
    allow = (ip_network("10.2.0.0/16"), ip_network("0.0.0.0/0"), ip_network("::/0"))
    for address in ("10.2.3.4", "::ffff:10.2.3.4", "127.0.0.1", "fd00::1"):
        assert outside.may_be_called(ip_address(address), allow=allow, secure=False)
    for address in (
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
    ):
        assert not outside.may_be_called(ip_address(address), allow=allow)
    assert not outside.may_be_called(ip_address("10.3.0.1"), allow=allow[:1])


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://EXAMPLE.com./a?b=c%20d", "example.com", 443, "/a?b=c%20d"),
        ("https://example.com:8443/x", "example.com", 8443, "/x"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/"),
        ("https://\uff11.1.1.1/", "1.1.1.1", 443, "/"),
        ("https://[2606:4700::1111]:2000/", "2606:4700::1111", 2000, "/"),
        ("https://my_host.example/", "my_host.example", 443, "/"),
    ],
)
def test_an_address_in_parts(url: str, host: str, port: int, path: str) -> None:
    assert outside.checked(url, allow=()) == outside.Target(True, host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://name@example.com/",
        "https://name:word@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com/a b",
        "https://exa\tmple.com/",
        "https://example.com/\r\nHost: other",
        "https://example.com/#part",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://exam%70le.com/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.0.0.1.2/",
        "https://\uff11\uff12\uff17.1/",
        "https://a..example/",
        "https://-a.example/",
        "https://[::1/",
        "https://example.com/ü",
        "https://" + "a" * 64 + ".example/",
        "https://example.com/" + "a" * 500,
    ],
)
def test_what_is_no_address_to_call(url: str) -> None:
    with pytest.raises(outside.Forbidden) as refused:
        outside.checked(url, allow=())
    assert str(refused.value).endswith(".")


def _resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The resolver gives ``answers`` one after the other; returns the list of what it was asked."""
    asked: list[str] = []
    coming = list(answers)

    def getaddrinfo(host: str, port: int, *_more: Any, **_named: Any) -> list[Any]:
        if host.replace(".", "").isdigit():  # what create_connection asks about a figure
            return real(host, port, *_more, **_named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in coming.pop(0)]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("found", [["10.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], []])
def test_every_address_of_a_name_must_pass(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    _resolving(monkeypatch, found)
    with pytest.raises(outside.Forbidden) as refused:
        outside.call("GET", "https://two.example/", headers={}, allow=())
    assert str(refused.value) == outside.NOT_CALLED, (
        "a name that is not known reads no other way than one within"
    )


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority(tmp_path_factory.mktemp("authority"), "hook.example", "127.0.0.1")


@pytest.fixture
def server(papers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("SSL_CERT_FILE", str(papers[0]))
    with receiving(papers[1]) as one:
        yield one


def test_a_call_goes_to_the_judged_address_and_asks_for_the_name(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver would answer otherwise the second time: it is not asked."""
    asked = _resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    url = server.url("hook.example", "/hook?a=b")
    answer = outside.call("POST", url, headers={"X-One": "1"}, body=b'{"a":1}', allow=LOOPBACK)
    assert (answer.status, answer.body, answer.whole) == (200, b"ok", True)
    (request,) = server.requests
    assert request.line == "POST /hook?a=b HTTP/1.1"
    assert request.headers["host"] == f"hook.example:{server.port}"
    assert (request.headers["x-one"], request.headers["accept-encoding"]) == ("1", "identity")
    assert request.body == b'{"a":1}'
    assert asked == ["hook.example"]


def test_a_certificate_of_another_name_is_no_answer(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolving(monkeypatch, ["127.0.0.1"])
    with pytest.raises(outside.Failed, match="tls"):
        outside.call("GET", server.url("other.example"), headers={}, allow=LOOPBACK)
    assert server.requests == []


def test_a_certificate_that_nobody_vouches_for_is_none(papers: tuple[Path, Path]) -> None:
    with receiving(papers[1]) as one, pytest.raises(outside.Failed, match="tls"):
        outside.call("GET", one.url("127.0.0.1"), headers={}, allow=LOOPBACK)


def test_a_redirect_is_an_answer_and_proxies_are_not_asked(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers[:] = [
        b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    ]
    answer = outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK)
    assert (answer.status, answer.headers["location"]) == (302, "https://127.0.0.1:1/")
    assert len(server.requests) == 1


def _drip(channel: socket.socket) -> None:
    channel.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(200):
        channel.sendall(b"X")
        time.sleep(0.1)


def _flood(channel: socket.socket) -> None:
    channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
    for _ in range(100):
        channel.sendall(b"x" * 100_000)


def test_a_server_that_drips_is_cut_off(server: Receiver) -> None:
    server.answers[:] = [_drip]
    began = time.monotonic()
    with pytest.raises(outside.Failed, match="timeout"):
        outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK, seconds=0.6)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("where", ["connected", "wrapped"])
def test_the_end_that_comes_between_two_steps_is_the_end(
    server: Receiver, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A server that takes the connection at the last moment, and drips from then on."""
    connect, wrap = socket.create_connection, ssl.SSLContext.wrap_socket

    def late(*args: Any, **named: Any) -> socket.socket:
        found = connect(*args, **named)
        time.sleep(0.8)
        return found

    def late_wrap(context: ssl.SSLContext, sock: socket.socket, **named: Any) -> ssl.SSLSocket:
        found = wrap(context, sock, **named)
        if not named.get("server_side"):
            time.sleep(0.8)
        return found

    server.answers[:] = [_drip]
    if where == "connected":
        monkeypatch.setattr(socket, "create_connection", late)
    else:
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late_wrap)
    began = time.monotonic()
    with pytest.raises(outside.Failed, match="timeout"):
        outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK, seconds=0.5)
    assert time.monotonic() - began < 3


def test_authorities_are_read_anew_when_their_file_is_another(
    server: Receiver, papers: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "authorities.pem"
    other.write_bytes(authority(tmp_path, "other.example")[0].read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with pytest.raises(outside.Failed, match="tls"):
        outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK)
    other.write_bytes(papers[0].read_bytes())
    assert outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK).status == 200


def test_ten_megabytes_are_not_read(server: Receiver) -> None:
    server.answers[:] = [_flood]
    answer = outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK, most=1000)
    assert (answer.status, answer.body, answer.whole) == (200, b"x" * 1000, False)


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"",
        b"hello\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
    ],
)
def test_what_is_no_answer_is_a_failure(server: Receiver, bytes_sent: bytes) -> None:
    server.answers[:] = [bytes_sent]
    with pytest.raises(outside.Failed, match="broken"):
        outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK)


def test_a_body_that_ends_too_early_is_not_whole(server: Receiver) -> None:
    server.answers[:] = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"]
    answer = outside.call("GET", server.url("127.0.0.1"), headers={}, allow=LOOPBACK)
    assert (answer.body, answer.whole) == (b"x", False)


def test_without_tls_only_where_it_is_allowed() -> None:
    with receiving(None, OK) as one:
        url = f"http://127.0.0.1:{one.port}/"
        assert outside.call("GET", url, headers={}, allow=LOOPBACK).status == 200
        with pytest.raises(outside.Forbidden):
            outside.call("GET", url, headers={}, allow=())
    with pytest.raises(outside.Failed, match="refused"):
        outside.call("GET", url, headers={}, allow=LOOPBACK)


def test_nothing_is_called_inside_a_write_transaction(database: Database) -> None:
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        outside.call("GET", "https://example.com/", headers={}, allow=())
