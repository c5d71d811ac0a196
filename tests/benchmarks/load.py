"""The load of a busy morning on SQLite: fifty colleagues autosave once a second, two people a second sign in with real
passwords, and somebody uploads a file of 25 MB, all against one embedded server over real sockets.

The reference of the same run is one colleague alone.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from sqlalchemy import select

from portal import clock, schema
from portal.access import CompanyRole, Identity, OrganisationRole, Tenant
from portal.db import Database
from portal.organisations import service as organisations
from portal.organisations.models import Company
from portal.settings import Settings
from questionnaires.definition import Question
from tests.benchmarks.measuring import Figure
from tests.portal.scene import issue, make_vendor, plain_value, security_lite
from tests.portal.served import Client, opened, served
from tests.portal.world import PASSWORD, Place, make_company, make_organisation, make_person

MOST_SECONDS = 0.3


@dataclass
class Seen:
    """Seconds of each request by kind, and what the server answered."""

    times: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self, kind: str) -> Iterator[list[int]]:
        status: list[int] = []
        started = time.perf_counter()
        yield status
        taken = time.perf_counter() - started
        with self.lock:
            self.times.setdefault(kind, []).append(taken)
            self.statuses[kind, status[0]] += 1

    def percentile(self, kind: str, part: float) -> float:
        taken = sorted(self.times[kind])
        return taken[min(len(taken) - 1, int(len(taken) * part))]

    @property
    def failures(self) -> int:
        return sum(count for (_kind, status), count in self.statuses.items() if status >= 500)


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data=Path(folder),
            secret_key="k3y-for-benchmarks-0123456789-abcdef",
            database_url=f"sqlite:///{folder}/portal.sqlite",
            base_url="http://127.0.0.1:8000",
            mail=f"folder:{folder}/mail",
            demo=True,
            argon2_cheap=True,
        )
        database = Database(settings.database_url, settings.base_url, settings.secret_key)
        schema.upgrade(database)
        try:
            return _measure(database, settings)
        finally:
            database.dispose()


@dataclass(frozen=True)
class Load:
    """How many colleagues save once a second, for how many seconds, beside how many sign-ins a second and an upload."""

    colleagues: int = 50
    seconds: float = 20
    sign_ins: int = 2
    upload_bytes: int = 25_000_000 - 4096


FULL = Load()


def _measure(database: Database, settings: Settings) -> list[Figure]:
    alone, together = run(database, settings, FULL)
    saved, lonely = len(together.times["autosave"]), median(alone.times["autosave"])
    signed = len(together.times["sign-in"])
    return [
        Figure(
            f"load, autosave p95 ({saved} of {FULL.colleagues} people, {signed} sign-ins, one upload of 25 MB;"
            f" one alone: median {lonely * 1000:.1f} ms)",
            together.percentile("autosave", 0.95),
            0,
            MOST_SECONDS,
            ratio=False,
        ),
        Figure("load, answers 5xx", together.failures, 0, 0, "", ratio=False),
    ]


def run(database: Database, settings: Settings, load: Load) -> tuple[Seen, Seen]:
    """One colleague alone, then everybody; raises AssertionError for an answer that nobody should get."""
    company, people, assessment = _office(database, settings, load.colleagues)
    path = f"/c/{company.slug}/assessments/{assessment}/sections"
    real = replace(settings, argon2_cheap=False)
    newcomer = make_person(database, real, "Nina Newcomer", "nina@northwind.example", clock.now())
    sessions = [opened(database, settings, one) for one in people]
    alone, together = Seen(), Seen()
    with served(real) as far:
        far.start()
        _colleague(far.port, sessions[0], path, time.monotonic() + load.seconds / 4, alone, random.Random(0))
        until = time.monotonic() + load.seconds
        threads = [
            threading.Thread(target=_colleague, args=(far.port, who, path, until, together, random.Random(n)))
            for n, who in enumerate(sessions)
        ]
        threads += [
            threading.Thread(target=_sign_in, args=(far.port, newcomer.email, until, together))
            for _ in range(load.sign_ins)
        ]
        threads.append(
            threading.Thread(target=_upload, args=(far.port, sessions[0], company.slug, load, together))
        )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(load.seconds + 120)
    wrong = {pair: count for pair, count in together.statuses.items() if pair[1] not in (200, 303)}
    assert not {pair for pair in wrong if pair[1] < 500}, wrong
    assert together.statuses["upload", 303] == 1, together.statuses
    return alone, together


def _office(
    database: Database, settings: Settings, colleagues: int
) -> tuple[Place, list[Identity], uuid.UUID]:
    """A company of so many owners with a questionnaire to answer."""
    now = clock.now()
    organisation = make_organisation(database, settings, "Halden", now)
    company = make_company(database, settings, "Northwind", now)
    tenant, owner = Tenant(company.id, company.slug, company.name), company[CompanyRole.OWNER]
    people = [
        make_person(database, settings, f"Colleague {number}", f"c{number}@northwind.example", now)
        for number in range(colleagues)
    ]
    with database.transaction(owner.scope) as session:
        row = session.execute(select(Company).where(Company.id == company.id)).scalar_one()
        for person in people:
            organisations.add_colleague(session, row, person.id, CompanyRole.OWNER, now=now, actor=owner)
    admin = organisation[OrganisationRole.ADMIN]
    vendor, engagement, _contact = make_vendor(
        database, admin, company, name="Northwind", engagement="Hosting"
    )
    assessment = issue(database, admin, vendor, engagement, security_lite().content_hash, now=now)
    return (
        company,
        [Identity(one, uuid.uuid4(), company=tenant, role=CompanyRole.OWNER) for one in people],
        assessment,
    )


def _choices() -> list[Question]:
    return [
        one
        for one in security_lite().questions.values()
        if one.type == "choice" and len(one.options) > 1 and one.visible_when is None
    ]


def _colleague(
    port: int, who: tuple[str, str], path: str, until: float, seen: Seen, chance: random.Random
) -> None:
    """One autosave a second, each with the revision that the last answer told; a conflict is settled by the next."""
    client, asked = Client(port, *who), _choices()
    known: dict[str, int] = {}
    time.sleep(chance.random())
    turn = 0
    while time.monotonic() < until:
        began, turn = time.monotonic(), turn + 1
        question = asked[chance.randrange(len(asked))]
        value = question.options[turn % len(question.options)].value
        assert plain_value(question)
        section = security_lite().section_of[question.key]
        fields = {f"r.{question.key}": str(known.get(question.key, 0)), f"a.{question.key}": value}
        with seen.timed("autosave") as status:
            code, text = client.post(f"{path}/{section.key}/answer", fields, json=True)
            status.append(
                200 if code == 409 else code
            )  # a colleague was first: kept and told, as it should be
        told = json.loads(text) if code in (200, 409) else {"saved": {}, "conflicts": {}}
        for found in (told["saved"], told["conflicts"]):
            if question.key in found:
                known[question.key] = found[question.key]["revision"]
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    client.close()


def _sign_in(port: int, address: str, until: float, seen: Seen) -> None:
    """Once a second: the page, then the password, hashed as it is in production."""
    while time.monotonic() < until:
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/sign-in")
        answer = connection.getresponse()
        page = answer.read().decode()
        visit = re.search(r"visit=([^;]+)", answer.headers.get("Set-Cookie", ""))
        token = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
        assert visit is not None
        assert token is not None
        fields = {"csrf_token": token[1], "email": address, "password": PASSWORD}
        headers = {"Cookie": f"visit={visit[1]}", "Content-Type": "application/x-www-form-urlencoded"}
        with seen.timed("sign-in") as status:
            connection.request("POST", "/sign-in", urlencode(fields), headers)
            answer = connection.getresponse()
            answer.read()
            status.append(answer.status)
        connection.close()
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


def _upload(port: int, who: tuple[str, str], company: str, load: Load, seen: Seen) -> None:
    """A large table into the library, in the middle of it all."""
    time.sleep(load.seconds / 4)
    line = b"2026-11-21,backup,restored,well\r\n"
    data = b"date,what,how,result\r\n" + line * ((load.upload_bytes - 30) // len(line))
    parts = {"kind": "restore_test", "title": "Restores", "issued": "", "expires": ""}
    boundary = uuid.uuid4().hex
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in parts.items()
    )
    file = 'Content-Disposition: form-data; name="file"; filename="restores.csv"\r\nContent-Type: text/csv'
    head = f"--{boundary}\r\n{file}\r\n\r\n"
    body += head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    client = Client(port, *who)
    with seen.timed("upload") as status:
        code, text = client.send(
            f"/c/{company}/evidence/new", body, f"multipart/form-data; boundary={boundary}"
        )
        status.append(code)
    if code != 303:
        print(text[:3000])
    client.close()
