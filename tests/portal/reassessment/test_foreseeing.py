"""The law of foresight: what it says is what the worker then does, whenever it looks, if nobody does anything."""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Event as Stop
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from portal import outbox, posting
from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import PersonRow
from portal.assessments.issuing_many import Order
from portal.assessments.models import Assessment, AssessmentEngagement, Rating
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns import choosing, running
from portal.campaigns import service as campaigns
from portal.campaigns.choosing import Choice
from portal.campaigns.models import Campaign
from portal.campaigns.service import Wish
from portal.db import SYSTEM, Database
from portal.gate import keeping
from portal.library.models import RetiredVersion
from portal.organisations.models import OrganisationMember
from portal.outbox import Message
from portal.pass_report import Report
from portal.reassessment import (
    alone,
    dating,
    generating,
    incidents,
    opening_job,
    rules,
    terms,
    trigger_finding,
)
from portal.reassessment.foreseeing import foresee, world
from portal.reassessment.foreseen_lines import (
    DIGEST,
    HINDERED,
    MOVED,
    NOBODY,
    OPENED,
    SILENT,
    TOLD,
    TRIGGER,
    Foreseen,
    Letters,
)
from portal.reassessment.models import CycleVersion, Reassessment, Reminder, ReminderStep
from portal.reassessment.models_post import Digest, LetterChoice
from portal.reassessment.models_terms import EvidenceTerm
from portal.reassessment.rules_parsing import parse
from portal.reassessment.triggers import Found
from portal.settings import Settings
from portal.tables import metadata
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor
from questionnaires import catalog
from tests.conftest import FULL
from tests.portal import journey, once
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import submit
from tests.portal.reassessment.papers import lay
from tests.portal.reassessment.post import Post, of_assessment
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)
START = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
LENGTH = 120
TIERS = ("critical", "high", "medium", "low")
ZONES = ("Europe/Lisbon", "Europe/Lisbon", "Pacific/Auckland", "America/Los_Angeles")
LITE, FLASH = catalog.latest("security_lite"), catalog.latest("vulnerability_flash")
STAGES = [campaigns.WAITING, campaigns.MOVING, campaigns.SPARING, campaigns.CLOSING]
# Where documents lie, of the kind that the question asks for; beside one of them more than one.
PLACES = (*["people.training"] * 3, *["access.mfa_staff"] * 2, "resilience.restore_test")


@dataclass(repr=False)
class Portfolio:
    """Four vendors that have answered, two engagements each, and one that is being asked. One more has documents beside
    its answers (``papers``), each at its place of PLACES, which lasts the longer the earlier it stands there; and a
    campaign is out that asks all six. The last three vendors are records of one company.
    """

    buyer: Place
    answered: list[Issued]
    asked: Issued
    papers: Issued
    submission: uuid.UUID
    documents: tuple[uuid.UUID, ...]
    campaign: uuid.UUID

    def __repr__(self) -> str:
        return "Portfolio()"  # a failing example would print its questionnaires


@pytest.fixture
@made_once
def portfolio(database: Database, settings: Settings) -> Portfolio:
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    companies = [
        make_company(database, settings, f"Company {letter}", NOW - timedelta(days=900)) for letter in "abcd"
    ]
    papers = journey.issue(database, buyer, companies[3], vendor_name="Vendor 8", tier="medium")
    documents = tuple(_lay(database, papers, number) for number in range(len(PLACES)))
    submission = submit(database, papers)
    # Of this vendor alone a gate's keeper knows what counts: of the others it would know that nobody demands it.
    keeping.Keeper(database).turn(lambda: NOW + timedelta(hours=3), seconds=60)
    answered = []
    for number in range(4):
        one = journey.issue(
            database,
            buyer,
            companies[number],
            vendor_name=f"Vendor {number}",
            names=("Archive", "Mail"),
            tier=TIERS[number],
        )
        submit(database, one)
        answered.append(one)
    asked = journey.issue(database, buyer, companies[3], vendor_name="Vendor 9", now=NOW)
    campaign = _campaign(database, buyer, START.date(), None, "none", now=NOW)
    assert running.ask(database, instant=lambda: NOW, seconds=60) == 6
    return Portfolio(buyer, answered, asked, papers, submission, documents, campaign)


def _lay(database: Database, papers: Issued, number: int) -> uuid.UUID:
    """A document at its place of PLACES."""
    key = PLACES[number]
    rule = LITE.questions[key].evidence
    assert rule is not None
    issued_on = NOW.date() - timedelta(days=20 * number)
    return lay(database, papers, key, rule.kind, issued_on=issued_on, title=f"Report {number}")


def _campaign(
    database: Database, buyer: Place, due: date, at: time | None, ladder: str, *, now: datetime
) -> uuid.UUID:
    """One that waits for the worker to ask every vendor; returns its id."""
    ciso, made = buyer[OrganisationRole.CISO], uuid.uuid4()
    wish = Wish("Log flaw", FLASH.content_hash, due, at, "Everybody talks of it.", ladder)
    order = Order(made, wish.content_hash, FLASH.slug, wish.due, wish.reason)
    with database.transaction(ciso.scope) as session:
        lines, _total = choosing.lines(session, ciso, Choice(), order, today=now.date(), now=now)
        campaigns.start(session, made, wish, {}, lines, actor=ciso, now=now)
    return made


# ------------------------------------------------------------------------------------------------- random portfolios


@dataclass(frozen=True)
class Drawn:
    """What an example changes before anybody looks. ``dues``: of the eight scheduled rows, days after START.

    ``refused``: which documents somebody has refused; ``ends``: when the best that are left of each place end, days
    after START; ``proof``: what the rules say of one that has ended. ``by``: when the campaign's answers are due, days
    after START and a time of that day; ``ladder``: its reminders; ``replies``: how many of its vendors have answered.
    ``stage``: whether it is out, or what the worker has still to do of it: ask, move its date, take back what nobody
    has begun, or everything.
    """

    dues: tuple[int, ...]
    tiers: tuple[str, ...]
    asked: int
    a_day: int
    opening: str
    incident: str
    lost: int
    nobody: bool
    retired: bool
    off: bool
    stuck: int  # how many of the rows could not be opened lately
    by_hand: bool  # whether the dates of the vendor that has the incident were moved by hand
    out: bool  # whether its next assessment is out already
    zones: tuple[str, ...]
    hours: tuple[int, ...]
    gaps: tuple[int, ...]  # minutes between looks
    refused: tuple[bool, ...] = (True,) * len(PLACES)
    ends: tuple[int, ...] = (20, 20, 20)
    proof: str = "remind"
    by: tuple[int, time | None] = (5, None)
    ladder: str = "none"
    replies: int = 0
    stage: str = campaigns.RUNNING


portfolios = st.builds(
    Drawn,
    dues=st.tuples(*[st.integers(-20, 220)] * 8),
    tiers=st.tuples(*[st.sampled_from(TIERS)] * 8),
    asked=st.integers(-10, 100),
    a_day=st.integers(1, 3),
    opening=st.sampled_from(["itself", "itself", "itself", "ask"]),
    incident=st.sampled_from(["none", "remind", "reassess:40", "off"]),
    lost=st.integers(0, 4),  # which vendor is no longer linked to its company; 4 is none
    nobody=st.sampled_from([False, False, True]),
    retired=st.sampled_from([False, False, True]),
    off=st.booleans(),
    stuck=st.integers(0, 3),
    by_hand=st.booleans(),
    out=st.sampled_from([False, False, True]),
    zones=st.tuples(*[st.sampled_from(ZONES)] * 3),
    hours=st.tuples(*[st.integers(6, 20)] * 3),
    gaps=st.lists(
        st.one_of(st.integers(1, 3 * 24 * 60), st.integers(1, 20 * 60), st.integers(1, 25 * 24 * 60)),
        min_size=8,
        max_size=16,
    ).map(tuple),
    refused=st.tuples(*[st.sampled_from([False, False, True])] * len(PLACES)),
    ends=st.tuples(*[st.integers(-25, 130)] * 3),
    proof=st.sampled_from(["remind", "remind", "reassess:40", "off"]),
    by=st.tuples(st.integers(-2, 12), st.sampled_from([None, time(8), time(18), time(23, 30)])),
    ladder=st.sampled_from(["hours", "hours", "days", "none"]),
    replies=st.integers(0, 5),
    stage=st.sampled_from([campaigns.RUNNING] * 4 + STAGES),
)


def apply(database: Database, portfolio: Portfolio, drawn: Drawn) -> None:
    with database.transaction() as session:
        rows = session.scalars(
            select(Reassessment)
            .where(Reassessment.engagement_id.not_in(portfolio.papers.engagements))
            .order_by(Reassessment.engagement_id)
        ).all()
        for row, days, tier in zip(rows, drawn.dues, drawn.tiers, strict=True):
            row.due = START.date() + timedelta(days=days)
            engagement = session.get_one(Engagement, row.engagement_id)
            if tier != engagement.tier and days % 3 == 0:
                engagement.tier = tier  # its date is worked out anew by the first look
        for row, code in zip(rows, ["no_contact", "asks", "no_version"][: drawn.stuck], strict=False):
            row.hindered, row.hindered_on = code, START.date() - 3 * DAY
        robbed = portfolio.answered[1]
        for row in rows:
            if drawn.by_hand and row.engagement_id in robbed.engagements:
                row.not_before, row.why = row.due, "hand"
        if drawn.out:
            session.execute(
                update(Assessment)
                .where(Assessment.id == robbed.assessment)
                .values(state="open", due=START.date() + timedelta(days=20))
            )
        session.execute(
            update(Assessment)
            .where(Assessment.id == portfolio.asked.assessment)
            .values(due=START.date() + timedelta(days=drawn.asked))
        )
        found = rules.current(session, portfolio.buyer.id).to_json()
        found |= {"a_day": drawn.a_day, "opening": drawn.opening}
        found["triggers"] |= {"incident": drawn.incident} if drawn.incident != "none" else {}
        found["triggers"] |= {"evidence": drawn.proof}
        saved = parse(found)
        session.execute(
            insert(CycleVersion).values(
                id=uuid.uuid4(),
                organisation_id=portfolio.buyer.id,
                sequence=1,
                content=saved.to_bytes(),
                content_hash=saved.content_hash,
                created_at=START,
                created_by=portfolio.buyer[OrganisationRole.CISO].person.id,
            )
        )
        if drawn.lost < 4:
            _lose(session, portfolio.answered[drawn.lost].vendor)
        if drawn.nobody:
            session.execute(
                update(OrganisationMember)
                .where(OrganisationMember.role != OrganisationRole.REVIEWER.value)
                .values(removed_at=NOW)
            )
        if drawn.retired:  # found as a reason for a look, and there is nothing to ask by
            session.execute(
                insert(RetiredVersion).values(
                    id=uuid.uuid4(),
                    organisation_id=portfolio.buyer.id,
                    content_hash=portfolio.asked.definition.content_hash,
                    retired_at=NOW,
                    retired_by=portfolio.buyer[OrganisationRole.CISO].person.id,
                )
            )
        people = [
            portfolio.buyer[OrganisationRole.CISO],
            portfolio.buyer[OrganisationRole.ADMIN],
            portfolio.asked.company[CompanyRole.OWNER],
        ]
        for who, zone, hour in zip(people, drawn.zones, drawn.hours, strict=True):
            session.execute(
                update(PersonRow).where(PersonRow.id == who.person.id).values(zone=zone, post_hour=hour)
            )
        if drawn.off:
            for who, place, group in (
                (people[1], portfolio.buyer, "coming"),
                (people[1], portfolio.buyer, "overdue_copies"),
                (people[1], portfolio.buyer, "campaigns"),
                (people[2], portfolio.asked.company, "evidence"),
            ):
                values = {"person_id": who.person.id, "place_id": place.id, "group": group}
                session.execute(insert(LetterChoice).values(**values, off_at=NOW))
        _ask(session, portfolio, drawn)
        record(session, Kind.CYCLE_CHANGED, now=NOW, actor=None)
    if drawn.incident != "none":
        actor = portfolio.buyer[OrganisationRole.CISO]
        with database.transaction(actor.scope) as session:
            vendor = vendors.vendor(session, actor, portfolio.answered[1].vendor, lock=True)
            incidents.note(
                session,
                vendor,
                kind="breach",
                happened=None,
                words="Robbed",
                shared=False,
                actor=actor,
                now=START,
            )

    _start(database, portfolio, drawn)
    _judge(database, portfolio, drawn)


def _ask(session: Any, portfolio: Portfolio, drawn: Drawn) -> None:
    """The campaign as it is drawn: who has answered, two who have begun, and what the worker has still to do of it."""
    days, at = drawn.by
    due = START.date() + days * DAY
    mine = Assessment.campaign_id == portfolio.campaign
    session.execute(update(Assessment).where(mine).values(due=due, due_time=at, ladder=drawn.ladder))
    ids = session.scalars(select(Assessment.id).where(mine).order_by(Assessment.id)).all()
    answered, begun = ids[: drawn.replies], ids[drawn.replies : drawn.replies + 2]
    replied = update(Assessment).where(Assessment.id.in_(answered))
    session.execute(replied.values(state="submitted", submitted_at=NOW))
    session.execute(update(Assessment).where(Assessment.id.in_(begun)).values(answered=1))
    row = session.get_one(Campaign, portfolio.campaign)
    row.due, row.due_time, row.ladder = due, at, drawn.ladder
    if drawn.stage == campaigns.WAITING:  # another one is to be asked, when this one is over
        session.execute(update(Assessment).where(mine).values(state="cancelled", closed_at=NOW))
        row.state = campaigns.CLOSED
    elif drawn.stage != campaigns.RUNNING:
        row.state, row.said, row.closed_by = drawn.stage, "It is over.", row.created_by
    if drawn.stage == campaigns.MOVING:
        row.due, row.due_time = due + 4 * DAY, time(12)


def _start(database: Database, portfolio: Portfolio, drawn: Drawn) -> None:
    """A campaign that nobody was asked yet, if it is drawn."""
    if drawn.stage == campaigns.WAITING:
        due = START.date() + max(1, drawn.by[0]) * DAY
        _campaign(database, portfolio.buyer, due, drawn.by[1], drawn.ladder, now=START - timedelta(hours=1))


def _judge(database: Database, portfolio: Portfolio, drawn: Drawn) -> None:
    """Refuse some documents, work out which are the best of those that are left, and give these their ends."""
    marks: dict[str, dict[str, str]] = {}
    for key, paper, refused in zip(PLACES, portfolio.documents, drawn.refused, strict=True):
        marks.setdefault(key, {})[str(paper)] = "refused" if refused else "accepted"
    with database.transaction() as session:
        row = session.scalars(select(Rating).where(Rating.submission_id == portfolio.submission)).one()
        values = {one.name: getattr(row, one.name) for one in Rating.__table__.columns}
        values |= {"id": uuid.uuid4(), "sequence": row.sequence + 1, "document_marks": marks}
        session.execute(insert(Rating).values(**values))
        record(session, Kind.MARK_SAVED, now=NOW, actor=None)
    terms.work_out(database, now=START)
    with database.transaction() as session:
        best = session.scalars(select(EvidenceTerm).where(EvidenceTerm.best).order_by(EvidenceTerm.key)).all()
        for term, days in zip(best, drawn.ends, strict=False):
            term.until = START.date() + timedelta(days=days)


def _lose(session: Any, vendor: uuid.UUID) -> None:
    """The vendor is no longer linked to its company: what was scheduled ends with the first look."""
    session.execute(update(Vendor).where(Vendor.id == vendor).values(company_id=None))
    for model in (Assessment, AssessmentEngagement):
        which = select(Assessment.id).where(Assessment.vendor_id == vendor)
        column = Assessment.id if model is Assessment else AssessmentEngagement.assessment_id
        session.execute(update(model).where(column.in_(which)).values(company_id=None))


# --------------------------------------------------------------------------------------------------------- the law


def one_pass(database: Database, post: Post, now: datetime) -> None:
    """The jobs of a pass that make or send reminders, in the worker's order."""
    terms.work_out(database, now=now)
    dating.work_out(database, now=now)
    trigger_finding.find(database, now=now)
    opening_job.open_due(database, now=now)
    running.ask(database, instant=lambda: now, seconds=60)
    generating.generate(database, now=now)
    posting.deliver(database, post, lambda: now, Stop(), Report(), alive=lambda: None)


@settings(
    max_examples=40 if FULL else 4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=portfolios)
def test_what_is_foreseen_is_what_then_happens(
    database: Database, portfolio: Portfolio, drawn: Drawn
) -> None:
    law(database, portfolio, drawn)


PLAIN = Drawn(
    dues=(40, 40, 44, 44, 61, 61, 200, 200),
    tiers=("medium",) * 8,
    asked=60,
    a_day=3,
    opening="itself",
    incident="none",
    lost=4,
    nobody=False,
    retired=False,
    off=False,
    stuck=0,
    by_hand=False,
    out=False,
    zones=("Europe/Lisbon",) * 3,
    hours=(7, 7, 7),
    gaps=(24 * 60,) * 6,
)


NONE, WEEKS = (False,) * len(PLACES), (24 * 60, *(3 * 24 * 60,) * 12)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"opening": "ask", "incident": "reassess:40", "by_hand": True, "stuck": 2}, id="asks"),
        pytest.param({"incident": "reassess:40", "out": True}, id="next-one-out"),
        pytest.param({"dues": (181,) * 8, "stuck": 3}, id="hindered-of-another-date"),
        pytest.param({"opening": "ask", "dues": (1,) * 8}, id="many-on-a-day"),
        pytest.param({"dues": (1,) * 8, "lost": 1, "a_day": 1}, id="slow"),
        pytest.param(
            {"refused": NONE, "ends": (-9, 1, 30), "off": True, "gaps": WEEKS, "proof": "reassess:40"},
            id="documents",
        ),
        pytest.param(
            {"ladder": "hours", "by": (1, time(18)), "replies": 2, "gaps": (3 * 60,) * 22}
            | {"refused": NONE, "ends": (1, 1, 1)},
            id="campaign-by-the-hour",
        ),
        *(
            pytest.param({"ladder": "days", "by": (2, None), "lost": 3, "stage": one}, id=f"campaign-{one}")
            for one in STAGES
        ),
    ],
)
def test_it_holds_where(database: Database, portfolio: Portfolio, values: dict[str, Any]) -> None:
    lines = law(database, portfolio, replace(PLAIN, **values))
    if "by_hand" in values:
        assert any(one.code == "asks" for one in lines if one.what == HINDERED)
        assert not any(one.what == MOVED for one in lines), "a person has said: not before"
    if "out" in values:
        assert any(one.what == TRIGGER for one in lines)
    if values.get("dues") == (181,) * 8:
        early = START.date() + 20 * DAY
        assert not any(one.kind == "stuck" and one.day < early for one in lines)
    if values.get("opening") == "ask" and "dues" in values:
        assert letters(lines)[1] > 0
    spoken = {(one.kind, one.step.partition("@")[0]) for one in lines if one.what in (TOLD, SILENT)}
    if "ends" in values:
        assert {("evidence", "on-the-day"), ("evidence", "before-1")} & spoken
    if "proof" in values:
        assert {one.what for one in lines} >= {MOVED, OPENED, TRIGGER}
    if "ladder" in values:
        steps = {"hours": ("hour-4", "hour+0", "hour+24"), "days": ("before-1", "on-the-day")}
        heard = {step for kind, step in spoken if kind == "campaign"}
        over = values.get("stage") == campaigns.CLOSING
        assert not heard if over else heard >= set(steps[values["ladder"]])


def test_reasons_that_one_look_finds_are_taken_by_their_ids(database: Database, portfolio: Portfolio) -> None:
    """Two documents have ended since the last look: one draws the next assessment nearer, the other waits."""
    papers, (one, *_others, other) = portfolio.papers, portfolio.documents

    def reason(paper: uuid.UUID, days: int) -> uuid.UUID:
        ended = (START.date() + days * DAY).isoformat()
        return Found("evidence", portfolio.buyer.id, papers.engagements[0], paper, LITE.slug, ended).id

    days = next(  # the first to end is the second by its id
        (first, second)
        for first in range(2, 9)
        for second in range(first + 1, 10)
        if reason(one, first).hex > reason(other, second).hex
    )
    refused = tuple(key == "access.mfa_staff" for key in PLACES)
    gaps = (12 * 24 * 60, *(24 * 60,) * 4)
    drawn = replace(PLAIN, refused=refused, ends=(*days, 0), proof="reassess:40", gaps=gaps)
    lines = law(database, portfolio, drawn)
    assert {each.subject for each in lines if each.what == TRIGGER} == {reason(one, days[0])}


def test_a_digest_that_came_to_nothing_leaves_its_day_to_the_next(
    database: Database, portfolio: Portfolio
) -> None:
    reader, later = portfolio.buyer[OrganisationRole.REVIEWER], START + timedelta(hours=1)
    of_assessment(
        database, portfolio.asked, reader, now=START, due=START.date()
    )  # a date that it has no more
    report = Report()
    posting.deliver(database, Post(), lambda: START, Stop(), report, alive=lambda: None)
    assert report.dropped == 1
    made = world(database, portfolio.buyer.id, now=later, until=START.date() + 30 * DAY)
    lines = list(foresee(made, passes=[later]))
    one_pass(database, Post(), later)
    assert digests(lines) == sent(database)
    assert digests(lines)[reader.person.id, START.date()] > 0


def law(database: Database, portfolio: Portfolio, drawn: Drawn) -> list[Foreseen]:
    """What is foreseen of ``drawn`` is what then happens; returns the lines."""
    with as_it_was(database):
        apply(database, portfolio, drawn)
        before = hindered(database)
        passes = [START]
        for gap in drawn.gaps:
            passes.append(passes[-1] + timedelta(minutes=gap))
        until = START.date() + timedelta(days=400)
        made = world(database, portfolio.buyer.id, now=START, until=until)
        lines = list(foresee(made, passes=passes))
        post = Post()
        for now in passes:
            one_pass(database, post, now)
        assert foreseen(lines) == happened(database)
        assert {one.subject for one in lines if one.what == OPENED} == opened(database)
        said = {(one.subject, one.code) for one in lines if one.what == HINDERED}
        assert said | before >= hindered(database)
        assert digests(lines) == sent(database)
        assert letters(lines) == letters_sent(database)
        return lines


def foreseen(lines: list[Foreseen]) -> Counter[Any]:
    """(instant, day of the step, person, kind, subject, date, step, why not) of each line to somebody, or to nobody."""
    return Counter(
        (one.at, one.moment, one.person_id, one.kind, one.subject, one.due, one.step, one.code)
        for one in lines
        if one.what in (TOLD, SILENT, NOBODY)
    )


def happened(database: Database) -> Counter[Any]:
    with database.looking(SYSTEM) as session:
        steps = {
            (one.subject_id, one.kind, one.due, one.step): one
            for one in session.scalars(select(ReminderStep).where(ReminderStep.at >= START))
        }
        told = session.scalars(select(Reminder).where(Reminder.queued_at >= START)).all()
        found = Counter(
            (
                *(one.queued_at, steps[one.subject_id, one.kind, one.due, one.step].day, one.person_id),
                *(one.kind, one.subject_id, one.due, one.step, one.skipped),
            )
            for one in told
        )
        for step in steps.values():
            if step.skipped == "nobody":
                found[step.at, step.day, None, step.kind, step.subject_id, step.due, step.step, ""] += 1
        return found


def opened(database: Database) -> set[uuid.UUID]:
    with database.looking(SYSTEM) as session:
        return set(session.scalars(select(Assessment.id).where(Assessment.by_itself)))


def hindered(database: Database) -> set[tuple[uuid.UUID, str]]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(Reassessment.id, Reassessment.hindered).where(
                Reassessment.hindered != "", Reassessment.state == "scheduled"
            )
        )
        return {(one.id, one.hindered) for one in rows}


def digests(lines: list[Foreseen]) -> Counter[Any]:
    """How many lines each digest has, by person and day."""
    return Counter((one.person_id, one.post_day) for one in lines if one.letter == DIGEST)


def sent(database: Database) -> Counter[Any]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(Digest.person_id, Digest.day)
            .join(Message, Message.id == Digest.message_id)
            .join(Reminder, Reminder.message_id == Message.id)
            .where(Message.kind == outbox.DIGEST)
        )
        return Counter((one.person_id, one.day) for one in rows)


def letters(lines: list[Foreseen]) -> tuple[int, int]:
    """How many letters go alone, and how many carry what is beyond those of a day."""
    found = Letters()
    for one in lines:
        found.add(one)
    return found.alone, found.mornings


def letters_sent(database: Database) -> tuple[int, int]:
    with database.looking(SYSTEM) as session:
        kinds = Counter(
            session.scalars(
                select(Message.kind).where(Message.person_id.is_not(None), Message.created_at >= START)
            )
        )
    return kinds[alone.ALONE], kinds[alone.MORNING]


@contextlib.contextmanager
def as_it_was(database: Database) -> Iterator[None]:
    """The database afterwards is what it was before."""
    rows = once.rows_of(database)
    try:
        yield
    finally:
        if not database.sqlite:
            with database.engine.begin() as connection:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                for name in metadata.tables:
                    connection.execute(text(f'DELETE FROM "{name}"'))
        once.put(database, rows)
