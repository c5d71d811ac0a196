"""Who may be the second person: judged on places, mailboxes and who gave them; at once, and while they change."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.access import CompanyRole, Identity, OrganisationRole, Permission, Person, Tenant
from portal.accounts import addresses, mailboxes
from portal.accounts.models import PersonMailbox
from portal.db import SYSTEM, Database
from portal.erasure import service as erasure
from portal.erasure.models import Certificate
from portal.erasure.service import Subject
from portal.faults import Conflict, Fault, NotFound, Refused
from portal.organisations import four_eyes, invitations
from portal.organisations import queries as organisations_queries
from portal.organisations import service as organisations
from portal.organisations.four_eyes import (
    OLDEST,
    SENTENCES,
    SETTLED_IN,
    TO_COME,
    TOO_OLD,
    Eyes,
    Link,
    Ownership,
    Seat,
    judge,
    links_of,
)
from portal.organisations.models import Invitation, Organisation, OrganisationMember
from portal.outbox import Message
from portal.settings import Settings
from tests.portal.kept import Kept, make_kept
from tests.portal.once import made_once
from tests.portal.world import NOW, make_person

FIRST, SECOND, THIRD = (uuid.UUID(int=one) for one in (1, 2, 3))
LATER = NOW + timedelta(hours=1)


# ------------------------------------------------------------------------------------------------------------- pure


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada@X.example", " ada@x.example ", True),
        ("ada+ciso@x.example", "ada@x.example", True),
        ("ada+a@x.example", "ada+b@x.example", True),
        ("a.da@x.example", "ada@x.example", False),
        ("a.d.a+two@gmail.com", "ada@googlemail.com", True),
        ("ada@gmail.com", "ada@x.example", False),
        ("ada@x.example", "adb@x.example", False),
        ("+ada@x.example", "+bob@x.example", False),
    ],
)
def test_addresses_of_one_mailbox(one: str, other: str, same: bool) -> None:
    assert (mailboxes.fold(one) == mailboxes.fold(other)) is same


def seat(person: uuid.UUID, role: str | None = "ciso", *links: Link, **more: Any) -> Seat:
    return Seat(person, role, links, **more)


BOX = frozenset({b"box"})
AFTER, BEFORE = LATER, NOW - timedelta(days=900)
LATELY = NOW - SETTLED_IN + timedelta(seconds=1)
OWNER_ROLE = OrganisationRole.BUSINESS_OWNER
OWNER = OWNER_ROLE.value


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (seat(FIRST), seat(SECOND), None),
        (seat(FIRST), seat(FIRST), "same_person"),
        (seat(FIRST), seat(SECOND, "auditor"), "second_gone"),
        (seat(FIRST), seat(SECOND, None), "second_gone"),
        (seat(FIRST, "reviewer"), seat(SECOND), "first_gone"),
        (seat(FIRST, None), seat(SECOND), "first_gone"),
        (seat(FIRST, mailboxes=BOX | {b"a"}), seat(SECOND, mailboxes=BOX | {b"b"}), "same_mailbox"),
        (seat(FIRST, mailboxes=frozenset({b"a"})), seat(SECOND, mailboxes=BOX), None),
        (seat(FIRST), seat(SECOND, "ciso", Link(FIRST, BEFORE)), "given_by_first"),
        (seat(FIRST), seat(SECOND, "ciso", Link(FIRST, AFTER)), "given_by_first"),
        (seat(FIRST), seat(SECOND, "ciso", Link(THIRD, BEFORE), Link(FIRST, BEFORE)), "given_by_first"),
        (seat(FIRST), seat(SECOND, "ciso", Link(THIRD, AFTER)), None),
        (seat(FIRST, "ciso", Link(THIRD, AFTER)), seat(SECOND, "ciso", Link(THIRD, AFTER)), None),
        (seat(FIRST, "ciso", Link(SECOND, BEFORE)), seat(SECOND), None),
        (seat(FIRST, "ciso", Link(SECOND, NOW - SETTLED_IN)), seat(SECOND), None),
        (seat(FIRST, "ciso", Link(SECOND, LATELY)), seat(SECOND), "given_by_second"),
        (seat(FIRST, "ciso", Link(SECOND, NOW)), seat(SECOND), "given_by_second"),
        (seat(FIRST, "ciso", Link(SECOND, None)), seat(SECOND), "given_by_second"),
        (seat(FIRST, "ciso", Link(THIRD, BEFORE), Link(SECOND, LATELY)), seat(SECOND), "given_by_second"),
        (seat(FIRST, "ciso", Link(THIRD, LATELY), Link(SECOND, BEFORE)), seat(SECOND), "given_by_second"),
        (seat(FIRST, "ciso", Link(THIRD, BEFORE), Link(SECOND, BEFORE)), seat(SECOND), None),
        (seat(FIRST, "ciso", Link(SECOND, BEFORE), Link(THIRD, LATELY)), seat(SECOND), None),
    ],
)
def test_places(first: Seat, second: Seat, found: str | None) -> None:
    assert judge(first, second, Permission.ERASE, proposed_at=NOW) == found
    assert found is None or found in SENTENCES


@pytest.mark.parametrize(
    ("first", "second", "owned", "above", "found"),
    [
        (seat(FIRST), seat(SECOND, OWNER), Ownership(SECOND, THIRD, BEFORE), (), None),
        (seat(FIRST), seat(SECOND, OWNER), Ownership(SECOND, None, None), (), None),
        (seat(FIRST), seat(SECOND, OWNER), Ownership(THIRD, None, None), (), "second_gone"),
        (seat(FIRST), seat(SECOND, OWNER), Ownership(SECOND, FIRST, BEFORE), (), "owner_by_first"),
        (seat(FIRST), seat(SECOND, OWNER), Ownership(SECOND, THIRD, BEFORE), (FIRST,), "owner_by_first"),
        (seat(FIRST), seat(SECOND, "ciso"), Ownership(SECOND, FIRST, BEFORE), (), None),
        (seat(FIRST, OWNER), seat(SECOND), Ownership(FIRST, SECOND, BEFORE), (), None),
        (seat(FIRST, OWNER), seat(SECOND), Ownership(FIRST, SECOND, AFTER), (), "owner_by_second"),
        (seat(FIRST, OWNER), seat(SECOND), Ownership(FIRST, SECOND, LATELY), (), "owner_by_second"),
        (seat(FIRST, OWNER), seat(SECOND), Ownership(FIRST, THIRD, LATELY), (SECOND,), "owner_by_second"),
        (seat(FIRST, OWNER), seat(SECOND), Ownership(FIRST, THIRD, LATELY), (), None),
        (seat(FIRST, OWNER), seat(SECOND), Ownership(THIRD, THIRD, AFTER), (), "first_gone"),
        (seat(FIRST, "admin"), seat(SECOND), Ownership(FIRST, SECOND, AFTER), (), None),
    ],
)
def test_owners_of_an_engagement(
    first: Seat, second: Seat, owned: Ownership, above: tuple[uuid.UUID, ...], found: str | None
) -> None:
    """``above``: who let in whoever named the owner."""
    everybody = Permission.SEE_VENDORS  # business owners hold it, for what they own
    third = seat(THIRD, "admin", *(Link(one, BEFORE) for one in above))
    eyes = Eyes({one.person_id: one for one in (third, first, second)}, SECOND, NOW)
    assert eyes.code(FIRST, everybody, proposed_at=NOW, engagement=owned) == found


def test_who_counts_as_one_person_whatever_their_roles_are() -> None:
    who = [uuid.UUID(int=each) for each in range(100, 106)]
    twin, helper, former, maker, older, other = who
    places = [
        seat(FIRST, "ciso", Link(maker, LATELY), mailboxes=BOX),
        seat(twin, "reviewer", mailboxes=BOX),
        seat(helper, "reviewer", Link(THIRD, BEFORE), Link(FIRST, BEFORE)),
        seat(former, None, Link(FIRST, BEFORE)),
        seat(maker, "admin"),
        seat(older, None),
        seat(other, "auditor", Link(maker, LATELY)),
    ]
    eyes = Eyes({one.person_id: one for one in places}, FIRST, NOW)
    assert eyes.one_with(FIRST) == {FIRST, twin, helper, former, maker}
    assert eyes.one_with(older) == {older}
    settled = replace(places[0], links=(Link(maker, BEFORE),))
    assert maker not in replace(eyes, seats={**eyes.seats, FIRST: settled}).one_with(FIRST)
    assert eyes.one_with(uuid.UUID(int=9)) == {uuid.UUID(int=9)}


def test_links_are_followed_to_their_end_and_in_a_ring_to_where_they_began() -> None:
    one, two, three = (Link(who, None) for who in (FIRST, SECOND, THIRD))
    assert links_of(FIRST, {}) == ()
    assert links_of(THIRD, {THIRD: two, SECOND: one}) == (two, one)
    assert links_of(THIRD, {THIRD: two, SECOND: one, FIRST: three}) == (two, one)
    assert links_of(FIRST, {FIRST: one}) == ()
    long = {uuid.UUID(int=each + 1): Link(uuid.UUID(int=each), None) for each in range(1, 2000)}
    assert len(links_of(uuid.UUID(int=2000), long)) == 1999


def test_what_a_page_says_to_whoever_looks_at_it() -> None:
    eyes = Eyes({FIRST: seat(FIRST), SECOND: seat(SECOND), THIRD: seat(THIRD, "auditor")}, SECOND, NOW)
    ask = partial(eyes.sentence, permission=Permission.ERASE)
    assert ask(FIRST, proposed_at=NOW - OLDEST) == ""
    assert ask(FIRST, proposed_at=NOW - OLDEST - timedelta(seconds=1)) == TOO_OLD
    assert ask(FIRST, proposed_at=LATER) == TO_COME
    assert ask(SECOND, proposed_at=NOW) == SENTENCES["same_person"]
    assert ask(uuid.UUID(int=9), proposed_at=NOW) == SENTENCES["first_gone"]
    assert eyes.able(FIRST, Permission.ERASE, proposed_at=NOW) == [SECOND]


# --------------------------------------------------------------------------------------------------- on the database


@pytest.fixture
@made_once
def kept(database: Database, settings: Settings) -> Kept:
    return make_kept(database, settings)


def another(
    database: Database,
    settings: Settings,
    kept: Kept,
    address: str,
    role: OrganisationRole,
    by: Identity | None,
) -> Identity:
    """A further member: by an invitation of ``by``, or put there by whoever runs the portal."""
    person = make_person(database, settings, "Another", address)
    place = kept.organisation
    if by is None:
        with database.transaction() as session:
            row = session.get_one(Organisation, place.id)
            organisations.add_member(session, row, person.id, role, now=NOW, actor=None)
    else:
        _invited(database, kept, person, role, by)
    return Identity(person, uuid.uuid4(), Tenant(place.id, place.slug, place.name), role=role)


def _invited(database: Database, kept: Kept, person: Person, role: OrganisationRole, by: Identity) -> None:
    with database.transaction(by.scope) as session:
        sent = invitations.invite(
            session, purpose="organisation", email=person.email, name="", role=role, now=NOW, actor=by,
            organisation_id=kept.organisation.id,
        ).id  # fmt: skip
    with database.transaction() as session:
        invitations.join_organisation(session, session.get_one(Invitation, sent), person, now=NOW)


def propose(database: Database, who: Identity, kept: Kept) -> uuid.UUID:
    with database.transaction(who.scope) as session:
        return erasure.propose(session, who, Subject("submission", kept.assessment), "why", now=NOW).id


def approve(database: Database, who: Identity, proposal: uuid.UUID) -> uuid.UUID:
    with database.transaction(who.scope) as session:
        return erasure.approve(session, who, proposal, now=LATER).id


def move(database: Database, settings: Settings, who: Identity, address: str) -> Identity:
    """The person changes to another address, by the letter that went there."""
    with database.transaction() as session:
        addresses.ask(session, settings, who.person, address, now=NOW)
    with database.looking(SYSTEM) as session:
        which = (Message.kind == "address_confirm") & (Message.recipient == address)
        letter = session.scalars(select(Message).where(which)).one()
    token = letter.text.split("/account/address/confirm/", 1)[1].split()[0]
    with database.transaction() as session:
        addresses.confirm(session, who.person, token, now=NOW)
    return replace(who, person=replace(who.person, email=address))


@pytest.mark.both_databases
def test_whom_the_proposer_invited_is_no_second_person_until_somebody_else_lets_them_in(
    database: Database, settings: Settings, kept: Kept
) -> None:
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]
    invited = another(database, settings, kept, "late@x.example", OrganisationRole.CISO, by=admin)
    proposal = propose(database, admin, kept)
    with pytest.raises(Refused, match="gave you your role"):
        approve(database, invited, proposal)
    with database.transaction(admin.scope) as session:
        organisations.remove(session, admin, invited.person.id, now=NOW)
    with pytest.raises(Refused, match="Your role"):
        approve(database, invited, proposal)
    other = another(database, settings, kept, "other@x.example", OrganisationRole.ADMIN, by=None)
    _invited(database, kept, invited.person, OrganisationRole.CISO, other)
    assert ciso.person.id != invited.person.id
    assert approve(database, invited, proposal)


@pytest.mark.both_databases
def test_an_address_that_was_left_still_counts(database: Database, settings: Settings, kept: Kept) -> None:
    admin = kept.organisation[OrganisationRole.ADMIN]
    second = another(database, settings, kept, "box+two@x.example", OrganisationRole.CISO, by=None)
    third = another(database, settings, kept, "box@else.example", OrganisationRole.CISO, by=None)
    proposal = propose(database, admin, kept)
    here = move(database, settings, admin, "box@x.example")
    with pytest.raises(Refused, match="one mailbox"):
        approve(database, second, proposal)
    move(database, settings, here, admin.person.email)
    with pytest.raises(Refused, match="one mailbox"):
        approve(database, second, proposal)
    moved = move(database, settings, second, "quite@different.example")
    with pytest.raises(Refused, match="one mailbox"):
        approve(database, moved, proposal)  # both have left it by now
    with database.looking(SYSTEM) as session:
        stored = session.scalars(select(PersonMailbox.mailbox)).all()
        assert len(stored) == 4
        assert mailboxes.keyed(session, mailboxes.PURPOSE, "box@x.example") in stored
        assert all(b"box" not in one for one in stored)
    assert approve(database, third, proposal)


@pytest.mark.both_databases
def test_a_chain_of_invitations_leads_back_to_who_began_it(
    database: Database, settings: Settings, kept: Kept
) -> None:
    """Also through somebody who was removed since; two whom a third let in may look at each other's."""
    founder = kept.organisation[OrganisationRole.ADMIN]
    helper = another(database, settings, kept, "helper@x.example", OrganisationRole.ADMIN, by=founder)
    puppet = another(database, settings, kept, "puppet@x.example", OrganisationRole.CISO, by=helper)
    sibling = another(database, settings, kept, "sibling@x.example", OrganisationRole.CISO, by=founder)
    _remove(database, founder, helper)
    own = propose(database, founder, kept)
    with pytest.raises(Refused, match="gave it to whoever gave you yours"):
        approve(database, puppet, own)
    with database.transaction(founder.scope) as session:
        erasure.refuse(session, founder, own, now=NOW)
    theirs = propose(database, puppet, kept)
    with pytest.raises(Refused, match="less than 30 days"):
        approve(database, founder, theirs)
    assert approve(database, sibling, theirs)


@pytest.mark.both_databases
def test_a_business_owner_who_was_named_by_the_proposers_helper(
    database: Database, settings: Settings, kept: Kept
) -> None:
    """Handing the engagement over through somebody else makes no second person; another hand-over does."""
    founder, owner = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OWNER_ROLE]
    other = kept.organisation[OrganisationRole.CISO]
    helper = another(database, settings, kept, "helper@x.example", OrganisationRole.PROCUREMENT, by=founder)

    def ask(set_by: uuid.UUID) -> None:
        named = Ownership(owner.person.id, set_by, NOW - timedelta(days=900))
        with database.transaction(owner.scope) as session:
            four_eyes.require_second(
                session, founder.person.id, owner, Permission.WAIVE, proposed_at=NOW, now=LATER,
                engagement=named, first_needs=Permission.CONTRACT,
            )  # fmt: skip

    for giver in (founder, helper):
        with pytest.raises(Refused, match="by the word of whoever proposed this"):
            ask(giver.person.id)
    ask(other.person.id)


@pytest.mark.both_databases
def test_two_people_of_whom_one_let_the_other_in(database: Database, settings: Settings, kept: Kept) -> None:
    """After 30 days the one who was let in proposes; before, and the other way round, the operator vouches."""
    founder = kept.organisation[OrganisationRole.ADMIN]
    ciso = another(database, settings, kept, "ciso@x.example", OrganisationRole.CISO, by=founder)

    def ask(first: Identity, second: Identity, day: int) -> None:
        at = NOW + timedelta(days=day)
        with database.transaction(second.scope) as session:
            four_eyes.require_second(
                session, first.person.id, second, Permission.ERASE, proposed_at=at, now=at
            )

    with pytest.raises(Refused, match="less than 30 days"):
        ask(ciso, founder, 29)
    ask(ciso, founder, 30)
    with pytest.raises(Refused, match="whoever runs the portal can help"):
        ask(founder, ciso, 900)
    with database.transaction() as session:
        row = session.get_one(Organisation, kept.organisation.id)
        organisations.vouch_for(session, row, ciso.person.id, now=NOW)
        with pytest.raises(NotFound):
            organisations.vouch_for(session, row, FIRST, now=NOW)
    ask(founder, ciso, 0)
    ask(ciso, founder, 0)


def test_a_proposal_of_another_month_is_made_anew(database: Database, settings: Settings, kept: Kept) -> None:
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]
    proposal = propose(database, admin, kept)
    late = NOW + OLDEST + timedelta(seconds=1)
    with pytest.raises(Conflict, match="older than 30 days"), database.transaction(ciso.scope) as session:
        erasure.approve(session, ciso, proposal, now=late)


def test_a_company_has_the_same_eyes(database: Database, settings: Settings, kept: Kept) -> None:
    owner = kept.company[CompanyRole.OWNER]
    with database.transaction(owner.scope) as session:
        one = four_eyes.read_seats(session, owner, (owner.person.id, FIRST))
    assert (one[owner.person.id].role, one[FIRST].role) == ("owner", None)
    with pytest.raises(Refused, match="second person"), database.transaction(owner.scope) as session:
        four_eyes.require_second(
            session, owner.person.id, owner, Permission.CLOSE_COMPANY, proposed_at=NOW, now=LATER
        )


def test_a_proposal_of_a_time_to_come_and_a_database_without_a_key(
    database: Database, settings: Settings, kept: Kept
) -> None:
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]

    def ask(opened: Database, proposed: Any) -> None:
        with opened.transaction(ciso.scope) as session:
            four_eyes.require_second(
                session, admin.person.id, ciso, Permission.ERASE, proposed_at=proposed, now=NOW
            )

    ask(database, NOW)
    with pytest.raises(Refused, match="still to come"):
        ask(database, LATER)
    bare = Database(settings.database_url)
    with pytest.raises(RuntimeError, match="without the installation's key"):
        ask(bare, NOW)
    bare.dispose()


# -------------------------------------------------------------------------------------------------------------- races


def result_of(call: Callable[[], Any]) -> Any:
    """What ``call`` returns, or the fault that it raises."""
    try:
        return call()
    except Fault as fault:
        return fault


def crossed(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    first: Callable[[], Any],
    second: Callable[[], Any],
) -> tuple[Any, Any]:
    """Outcomes of ``first``, which stops in ``module.name`` until ``second`` has begun and had time to wait for it."""
    reached, begun = threading.Event(), threading.Event()
    real = getattr(module, name)

    def slow(*given: Any, **more: Any) -> Any:
        if not reached.is_set():
            reached.set()
            assert begun.wait(20)
            begun.clear()
            begun.wait(0.4)  # nobody sets it again: time for the other to reach the lock
        return real(*given, **more)

    def late() -> Any:
        assert reached.wait(20)
        begun.set()
        return result_of(second)

    monkeypatch.setattr(module, name, slow)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(result_of, first), pool.submit(late)
        return one.result(60), other.result(60)


@pytest.mark.both_databases
def test_of_two_approvals_at_once_one_counts(
    database: Database, settings: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]
    second = another(database, settings, kept, "two@x.example", OrganisationRole.CISO, by=None)
    proposal = propose(database, admin, kept)
    one, other = crossed(
        monkeypatch, four_eyes, "judge",
        lambda: approve(database, ciso, proposal), lambda: approve(database, second, proposal),
    )  # fmt: skip
    assert isinstance(one, uuid.UUID)
    assert isinstance(other, Conflict)
    with database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Certificate)) == 1


def _remove(database: Database, by: Identity, who: Identity) -> None:
    with database.transaction(by.scope) as session:
        organisations.remove(session, by, who.person.id, now=LATER)


@pytest.mark.both_databases
@pytest.mark.parametrize("gone", ["proposer", "approver"])
def test_a_removal_during_an_approval_waits_for_it(
    database: Database, settings: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]
    other = another(database, settings, kept, "two@x.example", OrganisationRole.ADMIN, by=None)
    proposal = propose(database, admin, kept)
    leaves = admin if gone == "proposer" else ciso
    done, after = crossed(
        monkeypatch, four_eyes, "judge",
        lambda: approve(database, ciso, proposal), lambda: _remove(database, other, leaves),
    )  # fmt: skip
    assert isinstance(done, uuid.UUID)
    assert after is None
    with database.looking(SYSTEM) as session:
        which = OrganisationMember.person_id == leaves.person.id
        assert session.scalars(select(OrganisationMember.removed_at).where(which)).one() is not None


@pytest.mark.both_databases
@pytest.mark.parametrize("gone", ["proposer", "approver"])
def test_an_approval_during_a_removal_comes_too_late(
    database: Database, settings: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]
    other = another(database, settings, kept, "two@x.example", OrganisationRole.ADMIN, by=None)
    proposal = propose(database, admin, kept)
    leaves = admin if gone == "proposer" else ciso
    after, refused = crossed(
        monkeypatch, organisations_queries, "sent_by",
        lambda: _remove(database, other, leaves), lambda: approve(database, ciso, proposal),
    )  # fmt: skip
    assert after is None
    assert isinstance(refused, Refused)


@pytest.mark.both_databases
def test_a_link_between_the_two_that_is_made_meanwhile_waits(
    database: Database, settings: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The founder removes and invites anew whoever stands between, so as not to be found above the second."""
    founder = kept.organisation[OrganisationRole.ADMIN]
    helper = another(database, settings, kept, "helper@x.example", OrganisationRole.ADMIN, by=founder)
    puppet = another(database, settings, kept, "puppet@x.example", OrganisationRole.CISO, by=helper)
    proposal = propose(database, founder, kept)

    def given_anew() -> None:
        _remove(database, founder, helper)
        with database.transaction() as session:
            row = session.get_one(Organisation, kept.organisation.id)
            organisations.add_member(
                session, row, helper.person.id, OrganisationRole.ADMIN, now=LATER, actor=None
            )

    refused, after = crossed(
        monkeypatch, four_eyes, "judge", lambda: approve(database, puppet, proposal), given_anew
    )
    assert isinstance(refused, Refused)
    assert after is None
    assert approve(database, puppet, proposal)  # now the operator's word stands between


@pytest.mark.both_databases
def test_a_role_that_changes_between_asking_and_approving_is_seen(
    database: Database, settings: Settings, kept: Kept
) -> None:
    """The identity was read at the start of the request; the row decides."""
    admin, ciso = kept.organisation[OrganisationRole.ADMIN], kept.organisation[OrganisationRole.CISO]
    proposal = propose(database, admin, kept)
    _remove(database, admin, ciso)
    _invited(database, kept, ciso.person, OrganisationRole.AUDITOR, admin)
    assert ciso.role is OrganisationRole.CISO
    with pytest.raises(Refused, match="Your role"):
        approve(database, ciso, proposal)
