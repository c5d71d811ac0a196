"""The page of letters: whose they are, what became of them, sending one again."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from portal import outbox
from portal.access import CompanyRole, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.outbox import Letter, Message
from portal.reassessment import post_queries as queries
from portal.reassessment.models import Reminder
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import put_off
from tests.portal.reassessment.post import of_assessment
from tests.portal.test_outbox import get
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
CISO, AUDITOR = OrganisationRole.CISO, OrganisationRole.AUDITOR


@pytest.fixture
@made_once
def issued(database: Database, settings: Settings) -> Issued:
    place = make_organisation(database, settings, "Halden")
    found = journey.issue(database, place, make_company(database, settings, "Fennmark"))
    put_off(database, found.assessment, NOW.date() + timedelta(days=9))
    return found


@pytest.fixture
@made_once
def stranger(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Orrin")


def queued(database: Database, organisation: uuid.UUID, word: str, **values: object) -> uuid.UUID:
    letter = Letter(
        "gate_told", f"{word}@x.example", f"To {word}", f"About {word}", f"TEXT-{word}", f"HTML-{word}"
    )
    with database.transaction() as session:
        message = outbox.queue(session, letter, now=NOW, organisation_id=organisation)
        session.flush()
        if values:
            session.execute(update(Message).where(Message.id == message.id).values(**values))
        return message.id


def test_the_list_shows_ones_own_and_never_what_they_say(
    app: Portal, database: Database, issued: Issued, stranger: Place
) -> None:
    queued(database, issued.organisation.id, "ours", state="failed", attempts=2, last_error="no answer")
    queued(database, stranger.id, "theirs")
    page = signed_in(app, issued.organisation[AUDITOR]).get(f"/o/{issued.organisation.slug}/letters").text
    assert "About ours" in page
    assert "no answer" in page
    assert "theirs" not in page
    assert "TEXT-" not in page
    assert "HTML-" not in page
    other = signed_in(app, stranger[CISO]).get(f"/o/{stranger.slug}/letters").text
    assert "ours" not in other.replace("hours", "")
    assert "About theirs" in other


def test_a_digest_is_a_line_with_the_organisations_own_number(
    app: Portal, database: Database, issued: Issued, stranger: Place
) -> None:
    who = issued.organisation[CISO]
    of_assessment(database, issued, who, now=NOW)
    page = signed_in(app, who).get(f"/o/{issued.organisation.slug}/letters?state=waiting").text
    assert "Digest" in page
    assert "one line" in page
    assert who.person.name in page
    other = signed_in(app, stranger[CISO]).get(f"/o/{stranger.slug}/letters").text
    assert "Digest" not in other


@pytest.mark.parametrize("role", list(OrganisationRole))
def test_who_may_see_and_send_again(
    app: Portal, database: Database, issued: Issued, role: OrganisationRole
) -> None:
    place = issued.organisation
    letter = queued(database, place.id, "ours", state="gave_up")
    browser = signed_in(app, place[role])
    sees = role in (OrganisationRole.ADMIN, CISO, AUDITOR)
    assert browser.get(f"/o/{place.slug}/letters").status_code == (200 if sees else 403)
    answer = browser.post(f"/o/{place.slug}/letters/{letter}/resend")
    assert answer.status_code == (303 if sees and role is not AUDITOR else 403)


@pytest.mark.parametrize(("state", "button"), [("failed", "Send now"), ("gave_up", "Send again")])
def test_sending_again_keeps_the_id_begins_anew_and_is_on_record(
    app: Portal, database: Database, issued: Issued, state: str, button: str
) -> None:
    place = issued.organisation
    late = NOW + timedelta(hours=6)
    letter = queued(database, place.id, "ours", state=state, attempts=9, last_error="refused", due_at=late)
    browser = signed_in(app, place[CISO])
    assert button in browser.get(f"/o/{place.slug}/letters").text
    path = f"/o/{place.slug}/letters/{letter}/resend"
    assert browser.post(path).status_code == 303
    found = get(database, letter)
    assert (found.state, found.attempts, found.last_error) == ("queued", 0, "")
    assert found.due_at < late
    assert browser.post(path).status_code == 409
    with database.looking(SYSTEM) as session:
        events = session.execute(select(Event).where(Event.kind == "letter.resent")).scalars().all()
    assert [one.actor_id for one in events] == [place[CISO].person.id]
    assert events[0].organisation_id == place.id


@pytest.mark.parametrize(
    "values",
    [
        {"state": "queued"},
        {"state": "sent"},
        {"state": "gave_up", "text": "", "html": ""},
        {"state": "gave_up", "recipient": ""},
        {"state": "dropped", "into_id": uuid.uuid4()},
    ],
)
def test_what_cannot_go_again_is_refused(
    app: Portal, database: Database, issued: Issued, values: dict[str, object]
) -> None:
    place = issued.organisation
    letter = queued(database, place.id, "ours", **values)
    browser = signed_in(app, place[CISO])
    assert browser.post(f"/o/{place.slug}/letters/{letter}/resend").status_code == 409
    assert get(database, letter).state == values["state"]


def test_all_that_were_given_up_go_again_at_a_press_the_oldest_first(
    app: Portal, database: Database, issued: Issued, stranger: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of another organisation, nothing without an address or words, no more at once than is said."""
    monkeypatch.setattr(queries, "AT_ONCE", 2)
    place = issued.organisation
    ours = [
        queued(
            database, place.id, f"n{one}", state="gave_up", attempts=9, created_at=NOW + timedelta(hours=one)
        )
        for one in range(3)
    ]
    others = [
        queued(database, stranger.id, "theirs", state="gave_up"),
        queued(database, place.id, "nobody", state="gave_up", recipient=""),
        queued(database, place.id, "empty", state="gave_up", text="", html=""),
        queued(database, place.id, "into", state="gave_up", into_id=ours[0]),
        queued(database, place.id, "once", state="failed", attempts=1),
    ]
    path = f"/o/{place.slug}/letters"
    auditor, ciso = signed_in(app, place[AUDITOR]), signed_in(app, place[CISO])
    assert auditor.post(f"{path}/resend").status_code == 403
    assert "letters/resend" not in auditor.get(f"{path}?state=gave_up").text
    assert "Send the oldest 2 again" in ciso.get(f"{path}?state=gave_up").text
    for went in (2, 3):
        assert ciso.post(f"{path}/resend").status_code == 303
        states = [get(database, one).state for one in ours]
        assert states == ["queued"] * went + ["gave_up"] * (3 - went)
    answer = ciso.post(f"{path}/resend")
    assert answer.status_code == 409
    assert "None of these letters can be sent again" in answer.text
    assert [get(database, one).state for one in others] == ["gave_up"] * 4 + ["failed"]
    assert get(database, ours[0]).attempts == 0
    with database.looking(SYSTEM) as session:
        events = session.execute(select(Event).where(Event.kind == "letter.resent")).scalars().all()
    assert sorted(one.data["letters"] for one in events) == [1, 2]


@pytest.mark.parametrize("few", [queries.FEW, 0], ids=["few reminders", "many"])
def test_a_list_holds_ones_own_and_the_digests_with_a_line_of_it_newest_first(
    app: Portal,
    database: Database,
    issued: Issued,
    stranger: Place,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    """Whichever way the list is looked for, and however many of another's digests lie between."""
    monkeypatch.setattr(queries, "FEW", few)
    place, ciso = stranger, stranger[CISO]  # of whom there are no other letters
    states = ("sent", "queued", "gave_up", "dropped", "sent")
    ours = []
    for hour, state in enumerate(states * 6):
        digest = hour % 3 == 0
        for whose, theirs in ((place, False), (issued.organisation, True)):
            at = NOW + timedelta(hours=hour, minutes=theirs)
            letter = queued(database, whose.id, f"n{hour}", state=state, created_at=at, due_at=at)
            if digest:
                as_digest(database, letter, whose, subject=issued.assessment)
            if not theirs:
                ours.append((letter, state))
    with database.looking(ciso.scope) as session:
        for name, kept in queries.STATES.items():
            wanted = [letter for letter, state in reversed(ours) if not kept or state in kept]
            found: list[uuid.UUID] = []
            for number in (1, 2):
                page = queries.letters(session, ciso, state=name, number=number)
                assert page.total == len(wanted)
                found += [one.id for one in page.rows if page.number == number]
            assert found == wanted, name
            every = list(session.execute(queries.ids(session, ciso, name)).scalars())
            assert every == wanted, name
            assert [one.id for one in queries.rows(session, ciso, every)] == wanted
        told = queries.standing(session, ciso, now=NOW + timedelta(days=9))
        assert told.counts == {"waiting": 6, "gave_up": 6}
        assert told.oldest == NOW + timedelta(hours=1)
        monkeypatch.setattr(queries, "MOST", 25)
        page = queries.letters(session, ciso, state="all", number=1)
        assert ([one.id for one in page.rows], page.total) == ([one for one, _ in ours[:4:-1]], 25)
        assert queries.letters(session, ciso, state="all", number=2).number == 1
        assert len(list(session.execute(queries.ids(session, ciso, "all")).scalars())) == 25
    text = signed_in(app, ciso).get(f"/o/{place.slug}/letters").text
    assert "The newest 25 letters are listed." in text
    text = signed_in(app, ciso).get(f"/o/{place.slug}/letters?state=waiting").text
    assert "letters are listed." not in text
    for query, name in (
        ("", f"letters-{place.slug}-newest-25.csv"),
        ("?state=waiting", f"letters-{place.slug}.csv"),
    ):
        answer = signed_in(app, ciso).get(f"/o/{place.slug}/letters.csv{query}")
        assert name in answer.headers["Content-Disposition"]


def as_digest(database: Database, letter: uuid.UUID, place: Place, *, subject: uuid.UUID) -> None:
    """Make a letter a digest, which is nobody's own, with two lines of an organisation in it."""
    who = place[CISO].person.id
    rows = [
        {
            "organisation_id": place.id, "subject_id": subject, "kind": "assessment", "step": step,
            "due": NOW.date(), "person_id": who, "message_id": letter, "queued_at": NOW, "id": uuid.uuid4(),
        }
        for step in (f"a-{letter.hex[:8]}", f"b-{letter.hex[:8]}")
    ]  # fmt: skip
    with database.transaction() as session:
        changed = {"kind": outbox.DIGEST, "organisation_id": None, "person_id": who}
        session.execute(update(Message).where(Message.id == letter).values(**changed))
        session.execute(insert(Reminder), rows)
        record(session, Kind.REMINDERS_GENERATED, now=NOW, actor=None)


def test_a_letter_of_another_is_not_found(
    app: Portal, database: Database, issued: Issued, stranger: Place
) -> None:
    theirs = queued(database, stranger.id, "theirs", state="gave_up")
    nobodys = queued(database, stranger.id, "nobodys", state="gave_up", organisation_id=None)
    browser = signed_in(app, issued.organisation[CISO])
    for letter in (theirs, nobodys, uuid.uuid4()):
        assert browser.post(f"/o/{issued.organisation.slug}/letters/{letter}/resend").status_code == 404
        assert letter not in (theirs, nobodys) or get(database, letter).state == "gave_up"


def test_a_company_sees_no_letters_of_its_clients(app: Portal, issued: Issued) -> None:
    owner = signed_in(app, issued.company[CompanyRole.OWNER])
    assert owner.get(f"/o/{issued.organisation.slug}/letters").status_code == 404
