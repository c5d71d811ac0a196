"""A real Chromium against a real ``portal demo`` in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import FULL
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAYS = {True: "script", False: "no-script"}


def ways(*, in_ci: bool) -> list[object]:
    """Parameters of a journey: with and without scripts in soak; in CI one way, for each runs there once."""
    return [pytest.param(way, id=name) for way, name in WAYS.items() if FULL or way is in_ci]


AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]


@dataclass(frozen=True)
class Demo:
    """A running demonstration: its address, data folder, and accounts as written by the first start."""

    url: str
    data: Path
    accounts: list[dict[str, str]]

    def account(self, side: str, role: str) -> dict[str, str]:
        return next(one for one in self.accounts if one["side"] == side and one["role"] == role)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the console program on the same data folder."""
        return subprocess.run(
            [sys.executable, "-m", "portal.cli", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@contextlib.contextmanager
def running_demo(data: Path) -> Iterator[Demo]:
    """``portal demo`` on a free port, until the block ends."""
    port = free_port()
    said = data.parent / "demo.log"
    log = said.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "demo", "--port", str(port), "--data", str(data)],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, said)
        yield Demo(url, data, json.loads((data / "accounts.json").read_text("utf-8")))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if process.poll() is not None:
            words = said.read_text("utf-8", errors="replace")
            raise RuntimeError(f"portal demo ended with {process.returncode}:\n{words}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("portal demo is not well after three minutes")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole run: the same engine without its windows where that is installed, for half the time."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def made_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a demonstration as its first start makes them: seconds of work, done once in a process."""
    data = tmp_path_factory.mktemp("made-demo") / "data"
    with running_demo(data):
        pass
    return data


@contextlib.contextmanager
def _another(made_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(made_demo, data)
    with running_demo(data) as one:
        yield one


@pytest.fixture(scope="module")
def first_demo(made_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demonstration of its own for each test module."""
    with _another(made_demo, tmp_path_factory) as one:
        yield one


@pytest.fixture(scope="module")
def second_demo(made_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with _another(made_demo, tmp_path_factory) as one:
        yield one


@pytest.fixture
def demo(request: pytest.FixtureRequest) -> Demo:
    """The module's; where a journey runs both ways, that without scripts has another: the first has left its marks."""
    ways_of_test = getattr(request.node, "callspec", None)
    second = FULL and ways_of_test is not None and ways_of_test.params.get("javascript") is False
    found: Demo = request.getfixturevalue("second_demo" if second else "first_demo")
    return found


@contextlib.contextmanager
def person(
    chromium: Browser,
    demo: Demo,
    account: dict[str, str] | None,
    *,
    javascript: bool = True,
    width: int = 1280,
    dark: bool = False,
) -> Iterator[Page]:
    """A page in a fresh context, signed in as ``account`` by the sign-in form; console errors fail the test."""
    context: BrowserContext = chromium.new_context(
        java_script_enabled=javascript,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        base_url=demo.url,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if account is not None:
        page.goto("/sign-in")
        page.get_by_label("E-mail address").fill(account["email"])
        page.get_by_label("Password").fill(account["password"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
    try:
        yield page
    finally:
        context.close()
    foreign = [one for one in complaints if "Failed to load resource" not in one]
    assert not foreign, foreign


def axe_faults(page: Page) -> list[str]:
    """What axe finds on the page as it stands: one line a fault; [] is the bar.

    The bar that keeps the save button in sight stands at its own place meanwhile: half a field that happens to lie
    under it is a target too small for axe, though a person scrolls on.
    """
    options = {"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]}
    bars = (
        "position => document.querySelectorAll('.savebar').forEach(one => { one.style.position = position; })"
    )
    page.evaluate(bars, "static")
    result = Axe().run(page, options=options)
    page.evaluate(bars, "")
    return [
        f"{page.url}: {fault['id']}: {node['html'][:200]}"
        for fault in result.response["violations"]
        for node in fault["nodes"]
    ]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window: nothing scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def overflowing(page: Page) -> list[str]:
    """The innermost elements that reach beyond the right edge of the window: where to look when a page overflows."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .filter(one => ![...one.children].some(
                each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1))
            .slice(0, 5).map(one => one.outerHTML.slice(0, 160))"""
    )
    return found
