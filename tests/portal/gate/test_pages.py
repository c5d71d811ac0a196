"""The gate's pages: deciding, a second person, conditions, exceptions, the list, CSV and JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.access import OrganisationRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.gate.desk import ADMIN, AUDITOR, CISO, OWNER, PROCUREMENT, Desk, make
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, make_company, make_organisation, signed_in

TODAY = NOW.date()
HOSTILE = '<script>alert("x")</script> =1+1 {{ 7 }}'


@dataclass
class Gate:
    """Browsers of several roles at one gate. Tier critical and as shipped: two people decide."""

    app: Portal
    desk: Desk
    browsers: dict[OrganisationRole, Browser] = field(default_factory=dict)

    def of(self, role: OrganisationRole) -> Browser:
        if role not in self.browsers:
            self.browsers[role] = signed_in(self.app, self.desk.place[role])
        return self.browsers[role]

    @property
    def path(self) -> str:
        return f"/o/{self.desk.place.slug}/engagements/{self.desk.engagement}/gate"

    @property
    def gates(self) -> str:
        return f"/o/{self.desk.place.slug}/gates"

    def page(self, role: OrganisationRole) -> str:
        answer = self.of(role).get(self.path)
        assert answer.status_code == 200
        return answer.text

    def fields(self, role: OrganisationRole = CISO, **changes: str) -> dict[str, str]:
        text = self.page(role)
        hand = hidden(text, "hand")
        return {
            "do": "decide",
            "seen": hidden(text, "seen"),
            "outcome": "clear_with_conditions",
            "valid_until": hidden(text, "valid_until"),
            "reason": "We know them well.",
            "hand": hand,
            f"text|{hand}": "An exit plan is signed",
            f"due|{hand}": (TODAY + timedelta(days=29)).isoformat(),
            f"to|{hand}": "blocked",
            **changes,
        }

    def post(self, role: OrganisationRole, fields: dict[str, str], path: str = "") -> TestResponse:
        return self.of(role).post(self.path + path, fields)

    def waiting(self, role: OrganisationRole = ADMIN) -> tuple[str, str]:
        """The address and the seal of what waits, as this role reads it."""
        text = self.page(role)
        found = re.search(r"/gate(/proposals/[0-9a-f-]+)", text)
        assert found is not None
        return found.group(1), hidden(text, "seal")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]+)"', page)
    assert found is not None, name
    return found.group(1)


@pytest.fixture
@made_once
def gate(app: Portal, database: Database, settings: Settings) -> Gate:
    place = make_organisation(database, settings, "Halden")
    desk = make(database, place, make_company(database, settings, "Fennmark"))
    journey.submit(database, desk.issued)
    return Gate(app, desk)


def test_two_people_decide_and_the_page_says_what_follows(gate: Gate, database: Database) -> None:
    assert "Nobody has decided yet" in gate.page(AUDITOR)
    assert "Your decision" not in gate.page(AUDITOR)
    assert "Your decision" not in gate.page(PROCUREMENT)
    fresh = gate.page(CISO)
    assert "Needs a reason and a second person." in fresh  # said before the press
    assert "Admin of Halden" in fresh
    assert gate.post(CISO, gate.fields()).status_code == 303
    assert "It asks for less than the rules propose." in gate.page(CISO)
    assert "Approve:" not in gate.page(CISO)
    assert "Approve:" not in gate.page(AUDITOR)
    path, seal = gate.waiting()
    assert "Gates <" in gate.page(ADMIN)
    assert gate.post(ADMIN, {"do": "approve", "seal": "0" * 64}, path).status_code == 409
    assert gate.post(ADMIN, {"do": "nothing"}, path).status_code == 409
    assert gate.post(CISO, {"do": "approve", "seal": seal}, path).status_code == 403
    assert gate.post(ADMIN, {"do": "refuse", "refusal": ""}, path).status_code == 422
    assert gate.post(ADMIN, {"do": "approve", "seal": seal}, path).status_code == 303
    assert gate.post(ADMIN, {"do": "approve", "seal": seal}, path).status_code == 409
    page = gate.page(AUDITOR)
    assert "Conditions of the decision" in page
    assert "An exit plan is signed" in page
    row = gate.desk.decisions()[0]
    shown = gate.of(AUDITOR).get(f"{gate.path}/decisions/{row.id}").text
    assert "byte for byte" in shown
    assert "We know them well." in shown
    with database.looking(SYSTEM) as session:
        events = session.scalars(select(Event).where(Event.kind.startswith("gate."))).all()
    assert {"We know them well."} & {str(value) for one in events for value in one.data.values()} == set()


def test_what_is_wrong_keeps_what_was_typed(gate: Gate) -> None:
    for changes, sentence in (
        ({"reason": ""}, "Say why."),
        ({"outcome": "perfect"}, "Choose an outcome"),
        ({"valid_until": "soon"}, "Write a day as"),
        ({"valid_until": "2020-01-01"}, "Choose today or a day that is still to come"),
        ({"valid_until": "2099-01-01"}, "ends before that"),
        ({"reason": "x" * 5001}, "Write at most 5000 characters"),
        ({"reason": "a\x00b"}, "control characters"),
    ):
        fields = gate.fields()
        answer = gate.post(CISO, fields | changes)
        assert answer.status_code == 422, sentence
        assert sentence in answer.text
        assert "An exit plan is signed" in answer.text
    fields = gate.fields()
    hand = fields["hand"]
    for changes, sentence in (
        ({f"due|{hand}": "2026-13-45"}, "Write a day as"),
        ({f"due|{hand}": ""}, "Give each condition of your own a day"),
        ({f"text|{hand}": ""}, "Say what has to hold"),
        ({f"text|{hand}": "y" * 501}, "at most 500 characters"),
        ({"hand": "no-id"}, "Name at least one condition"),
    ):
        answer = gate.post(CISO, fields | changes)
        assert answer.status_code == 422, sentence
        assert sentence in answer.text
    stale = gate.post(CISO, fields | {"seen": "f" * 64, "reason": "Kept words."})
    assert stale.status_code == 409
    assert "Kept words." in stale.text
    more = gate.post(CISO, fields | {"do": "more"})
    assert (more.status_code, more.text.count('name="hand"')) == (200, 2)
    assert gate.desk.decisions() == []


def test_hostile_words_are_words(gate: Gate) -> None:
    fields = gate.fields(reason=HOSTILE)
    fields[f"text|{fields['hand']}"] = HOSTILE
    assert gate.post(CISO, fields).status_code == 303
    page = gate.page(ADMIN)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") == 2
    assert "{{ 7 }}" in page


def test_conditions_are_met_by_another_and_noted(gate: Gate) -> None:
    fields = gate.fields()
    assert gate.post(CISO, fields).status_code == 303
    path, seal = gate.waiting()
    assert gate.post(ADMIN, {"do": "approve", "seal": seal}, path).status_code == 303
    row = gate.desk.decisions()[0]
    step = f"/decisions/{row.id}/conditions/{fields['hand']}"
    assert "somebody else says that it is met" in gate.page(CISO)
    assert gate.post(CISO, {"do": "met", "note": "Done."}, step).status_code == 403
    assert gate.post(ADMIN, {"do": "met", "note": ""}, step).status_code == 422
    assert gate.post(ADMIN, {"do": "gone", "note": "Done."}, step).status_code == 404
    assert gate.post(ADMIN, {"do": "met", "note": "It is signed."}, step).status_code == 303
    assert "It is signed." in gate.page(AUDITOR)
    assert gate.of(CISO).get(f"{gate.path}.json").json["conditions"][0]["state"] == "met"
    assert gate.post(CISO, {"do": "reopened", "note": "It was the old one."}, step).status_code == 303
    assert gate.of(CISO).get(f"{gate.path}.json").json["conditions"][0]["state"] == "open"


def test_exceptions_name_a_ground_that_is_there(gate: Gate) -> None:
    new = f"{gate.path}/exceptions/new"
    for code, subject in (("band", "security_core"), ("tier", ""), ("<b>", "x" * 400)):
        assert gate.of(CISO).get(new, query_string={"code": code, "subject": subject}).status_code == 404
        wish = {"code": code, "subject": subject, "until": "2026-12-24", "reason": "For now."}
        assert gate.post(CISO, wish, "/exceptions/new").status_code == 404


def test_machines_read_what_counts_and_learn_when_nothing_has_changed(gate: Gate) -> None:
    first = gate.of(PROCUREMENT).get(f"{gate.path}.json")
    assert (first.json["outcome"], first.json["proposed"], first.json["waiting"]) == (
        "undecided",
        "pending",
        False,
    )
    same = gate.of(PROCUREMENT).get(f"{gate.path}.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.get_data()) == (304, b"")
    assert gate.post(CISO, gate.fields()).status_code == 303
    other = gate.of(PROCUREMENT).get(f"{gate.path}.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (other.status_code, other.json["waiting"]) == (200, True)


def test_the_list_shows_what_waits_and_a_business_owner_only_their_own(gate: Gate) -> None:
    assert "Archive" in gate.of(AUDITOR).get(gate.gates).text
    assert "Archive" not in gate.of(OWNER).get(gate.gates).text
    assert gate.of(OWNER).get(gate.path).status_code == 404
    assert gate.of(OWNER).get(f"{gate.path}.json").status_code == 404
    assert gate.post(CISO, gate.fields()).status_code == 303
    for role, mine in ((ADMIN, True), (CISO, False), (PROCUREMENT, False)):
        assert ("Archive" in gate.of(role).get(f"{gate.gates}?state=mine").text) is mine
    path, seal = gate.waiting()
    assert gate.post(ADMIN, {"do": "approve", "seal": seal}, path).status_code == 303
    for state, there in (
        ("passing", True),
        ("lapsing", True),  # the last day of its condition is the 29th from now
        ("blocked", False),
        ("pending", False),
        ("lapsed", False),
        ("undecided", False),
        ("waiting", False),
    ):
        for more in ("", "&sort=until&down=1", "&sort=vendor&q=arch&tier=critical", "&page=9"):
            text = gate.of(AUDITOR).get(f"{gate.gates}?state={state}{more}").text
            assert ("Archive</" in text or "Archive<span" in text) is there, state
        csv = gate.of(AUDITOR).get(f"{gate.gates}.csv?state={state}").text
        assert ("Archive" in csv) is there
    assert "No gate fits" in gate.of(AUDITOR).get(f"{gate.gates}?tier=low").text
