"""Digests: one a day and person, a block for each organisation, true when they go, whatever happened meanwhile."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest
from sqlalchemy import event, select, update

from portal import outbox, posting
from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations import service as organisations
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection
from portal.outbox import Message
from portal.pass_report import Report
from portal.reassessment import agenda, alone, choices, digests, generating, lines, standing
from portal.reassessment.models import Reminder
from portal.reassessment.models_post import Digest
from portal.settings import Settings
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal import journey
from tests.portal.once import made_once
from tests.portal.reassessment.given import put_off, submit
from tests.portal.reassessment.post import (
    ZONE,
    Post,
    ends,
    goes_alone,
    line,
    messages,
    of_assessment,
    words,
)
from tests.portal.test_concurrency import at_once
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
CISO, ADMIN, OWNER = OrganisationRole.CISO, OrganisationRole.ADMIN, CompanyRole.OWNER
DUE = NOW.date() + timedelta(days=9)
MORNING = NOW + timedelta(hours=20)  # the day after, 8 o'clock in Lisbon


class World:
    """A virtual CISO of three organisations, each of which asks a company of its own something with a canary in it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.places = [make_organisation(database, settings, name) for name in ("Alder", "Birch", "Cedar")]
        self.companies = [make_company(database, settings, name) for name in ("Ash", "Beech", "Cherry")]
        self.issued = [
            journey.issue(database, place, company)
            for place, company in zip(self.places, self.companies, strict=True)
        ]
        self.ciso = self.places[0][CISO]
        for place, issued in zip(self.places, self.issued, strict=True):
            put_off(database, issued.assessment, DUE, subject=f"canary-of-{place.name}")
            if place is not self.places[0]:
                _join(database, place, self.ciso.person)
        run(database, Post(), NOW)  # what issuing has queued

    def as_in(self, index: int) -> Identity:
        """The CISO as they stand in one of the three."""
        place = self.places[index]
        tenant = Tenant(place.id, place.slug, place.name)
        return Identity(self.ciso.person, uuid.uuid4(), organisation=tenant, role=CISO)

    @property
    def owner(self) -> Identity:
        return self.companies[0][OWNER]


def _join(database: Database, place: Place, person: Person) -> None:
    with database.transaction() as session:
        row = session.execute(select(Organisation).where(Organisation.id == place.id)).scalar_one()
        organisations.add_member(session, row, person.id, CISO, now=NOW, actor=None)


def _leave(database: Database, place: Place, person: Person) -> None:
    with database.transaction() as session:
        mine = (OrganisationMember.organisation_id == place.id) & (OrganisationMember.person_id == person.id)
        session.execute(update(OrganisationMember).where(mine).values(removed_at=NOW))
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)


@pytest.fixture
@made_once
def world(database: Database, settings: Settings) -> World:
    return World(database, settings)


def told(database: Database, world: World, *which: int, now: datetime = NOW, step: str = "before-7") -> None:
    for index in which:
        of_assessment(database, world.issued[index], world.as_in(index), now=now, step=step)


def run(database: Database, post: Post, now: datetime) -> Report:
    report = Report()
    posting.deliver(database, post, lambda: now, threading.Event(), report, alive=lambda: None)
    return report


# ------------------------------------------------------------------------------------------------------- what it says


def test_a_digest_has_one_block_for_each_place_and_no_line_stands_in_another(
    database: Database, world: World
) -> None:
    told(database, world, 0, 1, 2)
    post = Post()
    assert run(database, post, NOW + timedelta(hours=1)).sent == 1
    (letter,) = [one.letter for one in post.sent]
    text = letter.text
    heads = [text.index(f"\n{name}\n") for name in ("Alder", "Birch", "Cedar")]
    canaries = [text.index(f"canary-of-{name}") for name in ("Alder", "Birch", "Cedar")]
    assert sorted(heads + canaries) == [heads[0], canaries[0], heads[1], canaries[1], heads[2], canaries[2]]
    assert letter.subject == "1 date at Alder, 1 at Birch, 1 at Cedar"
    assert " ".join(text.split()).count("are due on Monday 30 November 2026, in 9 days.") == 3
    assert "Saturday 21 November 2026" in text
    for place, issued in zip(world.places, world.issued, strict=True):
        assert f"{database.base_url}/o/{place.slug}/assessments/{issued.assessment}" in text
    assert words(letter.text) == words(letter.html)
    assert ends(database) == []


def test_people_of_a_company_read_who_asks_and_the_code_of_each_line(
    database: Database, world: World
) -> None:
    of_assessment(database, world.issued[0], world.owner, now=NOW)
    post = Post()
    run(database, post, NOW + timedelta(hours=1))
    (letter,) = [one.letter for one in post.sent]
    with database.looking(SYSTEM) as session:
        code = session.scalar(select(Assessment.code).where(Assessment.id == world.issued[0].assessment))
    assert code
    assert "For Ash: asked by Alder" in letter.text
    assert f"Its code: {code}" in " ".join(letter.text.split())
    assert words(letter.text) == words(letter.html)


def test_what_does_not_fit_stands_on_the_page_that_the_letter_names(
    app: Portal, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kind it is of: here a review, beyond answers that are due before."""
    monkeypatch.setattr(lines, "MOST_LINES", 1)
    more = journey.issue(database, world.places[0], world.companies[0], vendor_name="Solvane")
    submit(database, more)
    with database.looking(SYSTEM) as session:
        ((review,), _after) = agenda.near(session, "review")
    assert review.due > DUE
    told(database, world, 0)
    line(database, more, world.ciso, "review", review.subject, step="before-7", now=NOW, due=review.due)
    post = Post()
    run(database, post, NOW + timedelta(hours=1))
    (letter,) = [one.letter for one in post.sent if one.letter.kind == "digest"]
    assert "And one more:" in letter.text
    assert "Solvane" not in letter.text
    assert words(letter.text) == words(letter.html)
    month = f"year={review.due.year}&month={review.due.month}&kind=review"
    path = f"/o/{world.places[0].slug}/calendar?{month}"
    assert f"{database.base_url}{path}\n" in letter.text
    page = signed_in(app, world.ciso).get(path).text
    assert "Solvane" in page
    assert "canary-of-Alder" not in page


def test_what_does_not_fit_for_a_company_stands_in_its_calendar(
    app: Portal, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MOST_LINES", 1)
    more = journey.issue(database, world.places[0], world.companies[0], vendor_name="Solvane")
    for one in (world.issued[0], more):
        of_assessment(database, one, world.owner, now=NOW)
    post = Post()
    run(database, post, NOW + timedelta(hours=1))
    (letter,) = [one.letter for one in post.sent if one.letter.kind == "digest"]
    path = f"/c/{world.companies[0].slug}/calendar"
    assert f"And one more: {database.base_url}{path} " in " ".join(letter.text.split())
    page = signed_in(app, world.owner).get(path).text
    assert all(f"/assessments/{one.assessment}" in page for one in (world.issued[0], more))


def demand(database: Database, place: Place, what: str) -> None:
    """A place that asks more of who reads there: a second factor, or its own sign-in."""
    with database.transaction() as session:
        if what == "factor":
            session.execute(
                update(Organisation).where(Organisation.id == place.id).values(second_factor=True)
            )
        else:
            one = SsoConnection(
                organisation_id=place.id, issuer="https://id.example", known_as="x", secret=b"x", state="on",
                proposed_by=place[CISO].person.id, approved_by=place[ADMIN].person.id, since=NOW,
                groups_claim="groups", roles={}, default_role="", trusts_factor=False, creates=False,
                required=True,
            )  # fmt: skip
            session.add(one)
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)


@pytest.mark.parametrize(
    ("what", "words_of_it"),
    [("factor", "Birch asks for a second factor"), ("provider", "Birch has a sign-in of its own")],
)
def test_a_place_that_asks_more_of_its_readers_is_a_number_without_names(
    database: Database, world: World, what: str, words_of_it: str
) -> None:
    """In a digest, and in a letter of its own; the other place speaks as ever."""
    demand(database, world.places[1], what)
    told(database, world, 0, 1)
    goes_alone(database, world.issued[1], world.as_in(1), step="after-7", now=NOW)
    post = Post()
    run(database, post, NOW + timedelta(days=1))
    digest, alone_ = sorted(
        (one.letter for one in post.sent if one.letter.recipient == world.ciso.person.email),
        key=lambda one: "canary-of-Alder" not in one.text,
    )
    assert "canary-of-Alder" in digest.text
    assert "One date" in " ".join(digest.text.split())
    for letter in (digest, alone_):
        assert words_of_it in " ".join(letter.text.split())
        for text in (letter.subject, letter.text, letter.html):
            assert "canary-of-Birch" not in text
        assert f"{database.base_url}/o/{world.places[1].slug}/calendar\n" in letter.text, "no month, no kind"


# ------------------------------------------------------------------------------- what is no longer so, or not theirs


def test_what_is_done_moved_or_no_longer_theirs_is_left_out_with_its_reason(
    database: Database, world: World
) -> None:
    told(database, world, 0, 1, 2)
    of_assessment(database, world.issued[1], world.places[1][ADMIN], now=NOW)
    put_off(database, world.issued[0].assessment, DUE + timedelta(days=5))
    _leave(database, world.places[1], world.ciso.person)
    submit(database, world.issued[2])
    post = Post()
    report = run(database, post, NOW + timedelta(hours=1))
    assert report.dropped == 1
    assert [one.letter.recipient for one in post.sent if one.letter.kind == "digest"] == [
        world.places[1][ADMIN].person.email
    ]
    assert ends(database) == ["done", "left", "moved"]
    (gone,) = [one for one in messages(database) if one.person_id == world.ciso.person.id]
    assert gone.state == "dropped"


def test_a_business_owner_is_not_told_of_what_is_anothers(database: Database, world: World) -> None:
    stranger = world.places[0][OrganisationRole.BUSINESS_OWNER]
    of_assessment(database, world.issued[0], stranger, now=NOW)
    post = Post()
    assert run(database, post, NOW + timedelta(hours=1)).dropped == 1
    assert post.sent == []
    assert ends(database) == ["rights"]


def test_of_two_steps_of_one_date_the_newer_speaks(database: Database, world: World) -> None:
    told(database, world, 0, step="before-14")
    told(database, world, 0, step="before-7", now=NOW + timedelta(minutes=1))
    post = Post()
    run(database, post, NOW + timedelta(hours=1))
    assert post.sent[0].letter.text.count("canary-of-Alder") == 1
    assert ends(database) == ["overtaken"]


def test_what_was_turned_off_meanwhile_is_left_out(database: Database, world: World) -> None:
    told(database, world, 0, 1)
    with database.transaction() as session:
        off = [(world.places[0].id, choices.COMING)]
        choices.save(session, world.ciso.person, zone=None, hour=7, off=off, now=NOW)
    post = Post()
    run(database, post, NOW + timedelta(hours=1))
    assert "canary-of-Alder" not in post.sent[0].letter.text
    assert "canary-of-Birch" in post.sent[0].letter.text
    assert ends(database) == ["unsubscribed"]


# ------------------------------------------------------------------------------------------- one a day, whenever


def test_three_days_without_a_mail_server_end_in_one_letter(database: Database, world: World) -> None:
    post = Post(down=True)
    for day, index in enumerate((0, 1, 2)):
        at = MORNING + timedelta(days=day)
        told(database, world, index, now=at)
        for hour in range(0, 24, 3):
            run(database, post, at + timedelta(hours=hour))
    post.down = False
    for hour in range(72, 120, 6):
        run(database, post, MORNING + timedelta(hours=hour))
    (letter,) = [one.letter for one in post.sent]
    for name in ("Alder", "Birch", "Cedar"):
        assert letter.text.count(f"canary-of-{name}") == 1
    states = Counter(one.state for one in messages(database))
    assert states["sent"] == 1
    assert set(states) <= {"sent", "dropped"}
    assert ends(database) == []


def test_lines_of_a_day_share_its_digest_and_later_ones_wait_for_the_next(
    database: Database, world: World
) -> None:
    night = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)
    told(database, world, 0, 1, now=night)
    (waiting,) = messages(database)
    assert waiting.due_at == datetime(2026, 11, 22, 7, tzinfo=UTC)
    post = Post()
    assert run(database, post, waiting.due_at - timedelta(seconds=1)).sent == 0
    assert run(database, post, waiting.due_at).sent == 1
    told(database, world, 2, now=waiting.due_at + timedelta(hours=2))
    assert run(database, post, waiting.due_at + timedelta(hours=3)).sent == 0
    assert run(database, post, waiting.due_at + timedelta(hours=24)).sent == 1
    with database.looking(SYSTEM) as session:
        days = session.scalars(select(Digest.day).order_by(Digest.day)).all()
    assert days == [date(2026, 11, 22), date(2026, 11, 23)]


@pytest.mark.parametrize(
    ("zone", "hour", "at", "expected"),
    [
        # midnight in Lisbon; 7 o'clock there is the day's own
        ("Europe/Lisbon", 7, datetime(2026, 11, 22, 0, 1, tzinfo=UTC), datetime(2026, 11, 22, 7, tzinfo=UTC)),
        # it is 9 in the morning in Tokyo: the reader's hour is over, it goes at once
        ("Asia/Tokyo", 7, datetime(2026, 11, 22, 0, 1, tzinfo=UTC), datetime(2026, 11, 22, 0, 1, tzinfo=UTC)),
        # late in the evening: nobody is written to at night
        ("Europe/Lisbon", 7, datetime(2026, 11, 22, 20, 30, tzinfo=UTC), datetime(2026, 11, 23, 7, tzinfo=UTC)),
        # Santiago has no 00:00 on 6 September 2026: its day begins at one
        ("America/Santiago", 6, datetime(2026, 9, 6, 4, 5, tzinfo=UTC), datetime(2026, 9, 6, 9, tzinfo=UTC)),
        # New York, the night of 23 hours
        ("America/New_York", 6, datetime(2026, 3, 8, 5, 1, tzinfo=UTC), datetime(2026, 3, 8, 10, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_readers_own_hour_decides(
    database: Database, world: World, zone: str, hour: int, at: datetime, expected: datetime
) -> None:
    with database.transaction() as session:
        choices.save(session, world.ciso.person, zone=zone, hour=hour, off=[], now=NOW)
    told(database, world, 0, now=at)
    (waiting,) = messages(database)
    assert waiting.due_at == expected


def test_a_digest_of_tomorrow_that_has_flowed_into_todays_leaves_room_for_another(
    database: Database, world: World
) -> None:
    """The latest hour of all: what is set furthest ahead still waits for its moment."""
    evening = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
    with database.transaction() as session:
        choices.save(session, world.ciso.person, zone=ZONE, hour=20, off=[], now=NOW)
    post = Post(down=True)
    told(database, world, 0, now=evening - timedelta(hours=2))
    run(database, post, evening - timedelta(minutes=20))
    with database.transaction() as session:  # a second digest, as two generations at once may make it
        first = session.execute(select(Message).where(Message.ready.is_(False))).scalar_one()
        ours = {one: digests.id_of(world.ciso.person.id, date(2026, 11, 23), one) for one in (0, 1)}
        busy = update(Message).where(Message.id == first.id)
        session.execute(busy.values(state="sending", lease_until=evening + timedelta(minutes=4)))
    told(database, world, 1, now=evening)
    with database.transaction() as session:
        session.execute(update(Message).where(Message.id == first.id).values(state="failed", due_at=evening))
    post.down = False
    assert run(database, post, evening + timedelta(minutes=1)).sent == 1
    assert {one.id: one.state for one in messages(database)} == {first.id: "sent", ours[0]: "dropped"}
    told(database, world, 2, now=evening + timedelta(minutes=2))
    (waiting,) = [one for one in messages(database) if one.state == "queued"]
    assert waiting.due_at - evening < outbox.AHEAD
    assert run(database, post, waiting.due_at - timedelta(minutes=1)).sent == 0


# -------------------------------------------------------------------------------------------------------------- races


def test_generations_at_once_make_one_digest(database: Database, settings: Settings, world: World) -> None:
    def work(_index: int) -> uuid.UUID:
        with database.transaction() as session:
            return digests.attach(session, {world.ciso.person.id: ZONE}, now=NOW)[world.ciso.person.id]

    found = at_once(*(partial(work, index) for index in range(3)))
    assert len(set(found)) == 1
    assert len(messages(database)) == 1


def test_whatever_comes_between_each_line_is_in_exactly_one_letter(database: Database, world: World) -> None:
    """Attaching and claiming at once, with a server that fails every other time: nothing lost, nothing twice."""
    post = Flaky()
    for day in range(5):
        now = NOW + timedelta(days=day)
        steps = [
            partial(told, database, world, index, now=now, step=f"before-{20 - day}") for index in (0, 1)
        ]
        at_once(*steps, *(partial(run, database, post, now + timedelta(hours=1)) for _ in range(2)))
    for hour in range(150, 240, 6):
        run(database, post, NOW + timedelta(hours=hour))
    with database.looking(SYSTEM) as session:
        lines = session.scalars(select(Reminder)).all()
        by_id = {one.id: one for one in session.scalars(select(Message))}
    assert len(lines) == 10
    for one in lines:
        letter = by_id[one.message_id]
        letter = by_id[letter.into_id] if letter.into_id else letter
        assert letter.state == "sent", letter.state
        assert letter.into_id is None, "chains are followed"
    assert set(Counter(post.ids).values()) == {1}


class Flaky(Post):
    """Takes every other letter."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[uuid.UUID] = []
        self.turn = 0
        self.lock = threading.Lock()

    def send(self, message: outbox.Outgoing, still: object) -> None:
        with self.lock:
            self.turn += 1
            if self.turn % 2:
                raise ConnectionRefusedError("not now")
            self.ids.append(message.id)


# ---------------------------------------------------------------------------------------------------- letters alone


def test_a_letter_alone_names_who_asks_and_says_the_same_in_both_parts(
    database: Database, world: World
) -> None:
    goes_alone(database, world.issued[0], world.owner, step="on-the-day", now=MORNING)
    post = Post()
    run(database, post, MORNING)
    (one,) = post.sent
    letter = one.letter
    assert letter.reply_to == "ciso@alder.example"
    assert letter.sender_name == "Ciso of Alder, Alder"
    assert "For Ash: asked by Alder" in letter.subject
    assert one.unsubscribe == "", "what is asked of them is not for turning off"
    code = words(letter.text)[words(letter.text).index("code") + 5].rstrip(".")
    assert "The code of this request is" in " ".join(letter.text.split())
    assert set(words(letter.text)) - {f"{code}."} == set(words(letter.html)) - {code, "."}


def test_a_letter_that_may_be_turned_off_says_how(database: Database, world: World) -> None:
    ciso = world.as_in(0)
    goes_alone(database, world.issued[0], ciso, step="after-7", now=MORNING, group=choices.COPIES)
    post = Post()
    run(database, post, MORNING)
    assert post.sent[0].unsubscribe.startswith(f"{database.base_url}/letters/off/")


def test_more_than_three_of_a_morning_are_one_letter(database: Database, world: World) -> None:
    place, company = world.places[0], world.companies[0]
    more = [journey.issue(database, place, company, vendor_name=f"Vendor {n}") for n in range(5)]
    run(database, Post(), NOW)
    for one in more:
        put_off(database, one.assessment, MORNING.date())
        goes_alone(database, one, world.as_in(0), step="on-the-day", now=MORNING)
    post = Post()
    run(database, post, MORNING)
    assert Counter(one.letter.text.count("are due on") for one in post.sent) == {1: 3, 2: 1}
    kinds = Counter(one.kind for one in messages(database))
    assert kinds == {alone.ALONE: 3, alone.MORNING: 1}


def test_letters_by_the_hour_take_no_place_of_a_morning(database: Database, world: World) -> None:
    """Whichever of them a pass writes first: what goes alone does not hang on the order of its work."""
    for number, step in enumerate([*["hour-4@18:00"] * 3, *["on-the-day"] * 3]):
        one = journey.issue(database, world.places[0], world.companies[0], vendor_name=f"Vendor {number}")
        goes_alone(database, one, world.as_in(0), step=step, now=MORNING)
    assert Counter(one.kind for one in messages(database)) == {alone.ALONE: 6}


def test_lines_of_a_day_always_have_a_letter_that_has_not_gone(database: Database, world: World) -> None:
    """However often the worker comes past the reader's hour: of digests two days, of mornings as many as it takes."""
    who = world.ciso.person.id
    for kind in ("digest", alone.MORNING):
        sent: set[uuid.UUID] = set()
        for _pass in range(9):
            with database.transaction() as session:
                if kind == "digest":
                    mine = digests.attach(session, {who: ZONE}, now=MORNING)[who]
                else:
                    some = [
                        alone.Alone(
                            "assessment", uuid.uuid4(), DUE, "after-1", who, world.places[0].id, None, ZONE
                        )
                        for _ in range(4)
                    ]
                    found = alone.queue(session, some, now=MORNING)
                    (mine,) = set(found.values()) - {one.letter_id for one in some}
                assert mine not in sent
                sent.add(mine)
                session.execute(update(Message).where(Message.id == mine).values(state="sent"))
                record(session, Kind.REMINDERS_GENERATED, now=NOW, actor=None)


def test_a_digest_that_came_to_nothing_leaves_the_day_to_the_next(database: Database, world: World) -> None:
    told(database, world, 0, step="before-14")
    put_off(database, world.issued[0].assessment, DUE + timedelta(days=30))
    post, later = Post(), MORNING + timedelta(hours=1)
    assert run(database, post, MORNING).dropped == 1
    put_off(database, world.issued[0].assessment, DUE)
    told(database, world, 0, now=later)
    assert run(database, post, later).sent == 1
    with database.looking(SYSTEM) as session:
        (day,) = session.scalars(select(Digest.day).where(Digest.message_id == post.sent[0].id))
    assert day == MORNING.date()


def test_who_is_gone_is_told_nothing_and_the_row_says_so(database: Database, world: World) -> None:
    issued, owner = world.issued[0], world.owner.person.id
    with database.transaction() as session:
        session.execute(update(PersonRow).where(PersonRow.id == owner).values(erased_at=NOW))
        record(session, Kind.PERSON_ERASED, now=NOW, actor=None)
    generating.generate(database, now=datetime.combine(DUE - timedelta(days=7), time(12), UTC))
    with database.looking(SYSTEM) as session:
        (row,) = session.execute(
            select(Reminder.message_id, Reminder.skipped).where(
                Reminder.subject_id == issued.assessment, Reminder.person_id == owner
            )
        ).all()
    assert tuple(row) == (generating.NO_LETTER, "undelivered")


@pytest.mark.parametrize(
    ("side", "first"), [("organisation", "America/Los_Angeles"), ("company", "Pacific/Auckland")]
)
def test_who_has_set_no_zone_has_one_day_whoever_asks(
    database: Database, world: World, side: str, first: str
) -> None:
    """Two organisations a day apart: the first that they joined says which day it is, in whatever order lines come."""
    who = world.ciso.person if side == "organisation" else world.owner.person
    zones = (first, "Asia/Tokyo", "Asia/Tokyo")
    with database.transaction() as session:
        for place, zone in zip(world.places, zones, strict=True):
            session.execute(update(Organisation).where(Organisation.id == place.id).values(zone=zone))
            session.execute(
                update(OrganisationMember)
                .where(OrganisationMember.organisation_id == place.id)
                .values(created_at=NOW - timedelta(days=100 if place is world.places[0] else 50))
            )
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    made = set()
    for fallback in ("Asia/Tokyo", "America/Los_Angeles", "Europe/Lisbon"):
        with database.transaction() as session:
            found = digests.attach(session, {who.id: fallback}, now=NOW)
            made.add(found[who.id])
            reader = digests.readers(session, {who.id: fallback})[who.id]
            record(session, Kind.REMINDERS_GENERATED, now=NOW, actor=None)
        assert reader.zone == first
    assert len(made) == 1
    with database.looking(SYSTEM) as session:
        stands = standing.of_person(session, who.id)
        assert stands is not None
        assert stands.zone == first


@pytest.mark.parametrize("kind", ["decision", "evidence", "reassessment"])
def test_what_is_gone_is_asked_for_once_whatever_its_dates(
    database: Database, world: World, kind: str
) -> None:
    def asked(dates: int, now: datetime) -> int:
        for number in range(dates):
            due = DUE + timedelta(days=number)
            line(
                *(database, world.issued[0], world.as_in(0), kind, uuid.uuid4()),
                step="before-7",
                now=now,
                due=due,
            )
        found: list[object] = []

        def note(*given: object) -> None:
            found.append(given[2])

        for engine in (database.engine, database.reading):
            event.listen(engine, "before_cursor_execute", note)
        try:
            assert run(database, Post(), now + timedelta(hours=20)).dropped == 1
        finally:
            for engine in (database.engine, database.reading):
                event.remove(engine, "before_cursor_execute", note)
        assert Counter(ends(database))["done"] >= dates
        return len(found)

    few = asked(1, NOW)
    assert asked(10, NOW + timedelta(days=1)) == few


def test_a_letter_given_up_ends_its_lines_and_a_resend_carries_them_again(
    database: Database, world: World
) -> None:
    told(database, world, 0)
    post = Refusing()
    assert run(database, post, NOW + timedelta(hours=1)).gave_up == 1
    assert ends(database) == ["undelivered"]
    with database.transaction() as session:
        assert outbox.requeue(session, Message.state == "gave_up", now=NOW + timedelta(hours=2)) == 1
    well = Post()
    assert run(database, well, NOW + timedelta(hours=2)).sent == 1
    assert "canary-of-Alder" in well.sent[0].letter.text


def test_who_may_send_again_reads_once_what_reached_nobody(database: Database, world: World) -> None:
    owner, ciso = world.owner, world.as_in(0)
    of_assessment(database, world.issued[0], owner, now=NOW)
    run(database, Refusing(), NOW + timedelta(hours=1))
    counted = []
    for day, step in ((1, "before-14"), (2, "before-7")):
        post, at = Post(), MORNING + timedelta(days=day)
        told(database, world, 0, now=at, step=step)
        run(database, post, at)
        (letter,) = [one.letter for one in post.sent if one.letter.recipient == ciso.person.email]
        counted.append(" ".join(letter.text.split()).count("One reminder has reached nobody"))
    assert counted == [1, 0]


class Refusing(Post):
    """The address is refused for good."""

    def send(self, message: outbox.Outgoing, still: object) -> None:
        from portal.mail import PermanentFailure

        raise PermanentFailure("the mail server refused the address (550)")


@pytest.mark.parametrize("poison", ["a\r\nBcc: b@x.example", "a\nb", "a\u2028b", "<script>x</script>"])
def test_nothing_typed_reaches_a_header_or_a_mark(database: Database, world: World, poison: str) -> None:
    from portal.mail import mime

    put_off(database, world.issued[0].assessment, DUE, subject=poison)
    with database.transaction() as session:
        session.execute(update(Vendor).values(name=poison))
        session.execute(update(Organisation).where(Organisation.id == world.places[0].id).values(name=poison))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    told(database, world, 0)
    goes_alone(database, world.issued[0], world.owner, step="on-the-day", now=NOW)
    post = Post()
    run(database, post, NOW + timedelta(hours=1))
    assert len(post.sent) == 2
    for one in post.sent:
        assert "<script>" not in one.letter.html
        assert "\r" not in one.letter.text.replace("\r\n", "")
        mail = mime(_settings(database), one)
        assert mail["Bcc"] is None
        assert all("\n" not in str(value) for value in mail.values())


def _settings(database: Database) -> Settings:
    from pathlib import Path

    return Settings(Path("/nowhere"), "x" * 40, "", "https://portal.example", "console")
