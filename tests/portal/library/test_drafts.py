"""The service of drafts: parts, digests, what is kept, what can be taken back."""

from __future__ import annotations

import copy
import json
import threading
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import Database
from portal.faults import Conflict, Invalid, NotFound
from portal.library import draft_structure, drafts, naming, parts
from portal.library.authoring_form import (
    header_fields,
    question_fields,
    read_header,
    read_question,
    read_section,
    section_fields,
)
from portal.library.models import DraftEdit
from portal.library.parts import HEADER, ORDER, digest, held, placed
from portal.settings import Settings
from questionnaires import catalog
from questionnaires.parsing import parse_json
from questionnaires.raw import raw
from tests.portal.library.given import CISO, begin, hold, stored
from tests.portal.world import NOW, Place, make_organisation

MFA = "question:access.mfa_staff"


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def change(database: Database, place: Place, draft: uuid.UUID, step: Any) -> Any:
    """One step of a person in a transaction of its own."""
    actor = place[CISO]
    with database.transaction(actor.scope) as session:
        return step(session, drafts.locked(session, actor, draft))


def save(database: Database, place: Place, draft: uuid.UUID, part: str, value: Any, seen: str) -> bool:
    def step(session: Any, row: Any) -> bool:
        return drafts.save_part(session, row, part, value, seen=seen, actor=place[CISO], now=NOW)

    found: bool = change(database, place, draft, step)
    return found


def undo(database: Database, place: Place, draft: uuid.UUID, revision: int) -> None:
    change(database, place, draft, lambda s, row: drafts.undo(s, row, revision, actor=place[CISO], now=NOW))


# ------------------------------------------------------------------------------------------------- pages and parts


@pytest.mark.parametrize("label", catalog.shipped())
def test_what_a_page_shows_and_sends_back_is_the_same_part(label: str) -> None:
    """Every field of every shipped question survives its page: nothing is lost by saving what one has not changed."""
    document = raw(catalog.get(label))
    header = held(document, HEADER)
    assert read_header(header_fields(header), header).part == header
    for section in document["sections"]:
        bare = parts.bare(section)
        assert read_section(section_fields(bare), bare).part == bare
    for _section, _index, question in parts.questions(document):
        posted = read_question(question_fields(question), question)
        assert posted.part == question
        assert posted.errors == {}


def test_a_copy_of_a_shipped_version_is_that_version_but_for_its_name() -> None:
    base = catalog.latest("security_lite")
    copied = drafts.copied(base, slug="ours", version="1.0.0", title="Ours")
    found = parse_json(parts.encoded(copied))
    assert found.sections == base.sections
    assert (found.slug, found.title, found.based_on) == ("ours", "Ours", base.label)


def test_a_type_that_changes_leaves_out_what_only_the_old_one_had() -> None:
    before = held(raw(catalog.latest("security_lite")), MFA)
    posted = read_question(question_fields(before) | {"type": "text"}, before)
    assert "options" in before
    assert "options" not in posted.part
    assert posted.part["text"] == before["text"]


def test_empty_rows_are_left_out_and_values_are_made_of_labels() -> None:
    fields = {"text": "Do you lock up?", "type": "choice", "required": "yes"}
    fields |= {"options.0.label": "Yes, always", "options.0.points": "100", "options.1.label": ""}
    fields |= {"options.7.label": "Class", "options.7.points": "none", "options.9.label": "Yes, always"}
    posted = read_question(fields, {"key": "own.a.b", "type": "choice"})
    values = [one["value"] for one in posted.part["options"]]
    assert values == ["yes_always", "class_", "yes_always_2"]
    assert posted.part["options"][1]["points"] == "none"
    assert posted.rows["options"] == [0, 7, 9]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"text": "x" * 4001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "a\ud800b"}, "text"),
        ({"help": "x" * 8001}, "help"),
        ({"visible_when": "x" * 2001}, "visible_when"),
        ({"refs": "\n".join(f"ref {n}" for n in range(101))}, "refs"),
        ({f"options.{n}.label": "x" for n in range(101)}, "options"),
        ({"options.0.label": "x" * 1001}, "options.0.label"),
    ],
)
def test_what_no_draft_may_hold_is_refused_at_its_field(fields: dict[str, str], name: str) -> None:
    posted = read_question(fields, {"key": "own.a.b", "type": "choice"})
    assert name in posted.errors


# ---------------------------------------------------------------------------------------------------- two editors


def test_two_editors_of_one_part_do_not_overwrite_each_other(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    before = held(stored(database, halden[CISO], draft), MFA)
    seen = digest(before)
    assert save(database, halden, draft, MFA, before | {"weight": 30}, seen)
    with pytest.raises(drafts.Stale) as stale:
        save(database, halden, draft, MFA, before | {"weight": 5}, seen)
    assert stale.value.now["weight"] == 30
    assert held(stored(database, halden[CISO], draft), MFA)["weight"] == 30
    assert save(database, halden, draft, MFA, before | {"weight": 5}, digest(stale.value.now)), (
        "mine, knowing theirs"
    )


def test_two_editors_of_different_parts_do_not_meet(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    document = stored(database, halden[CISO], draft)
    section, question = held(document, "section:access"), held(document, MFA)
    assert save(database, halden, draft, MFA, question | {"weight": 30}, digest(question))
    assert save(database, halden, draft, "section:access", section | {"weight": 7}, digest(section))
    after = stored(database, halden[CISO], draft)
    assert held(after, MFA)["weight"] == 30
    assert held(after, "section:access")["weight"] == 7


@pytest.mark.both_databases
def test_of_many_at_once_one_wins_and_the_others_are_told(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    before = held(stored(database, halden[CISO], draft), MFA)
    told: list[str] = []
    ready = threading.Barrier(4)

    def write(weight: int) -> None:
        ready.wait()
        try:
            save(database, halden, draft, MFA, before | {"weight": weight}, digest(before))
            told.append(f"saved {weight}")
        except drafts.Stale:
            told.append("stale")

    threads = [threading.Thread(target=write, args=(weight,)) for weight in (31, 32, 33, 34)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert told.count("stale") == 3
    winner = next(int(one.split()[1]) for one in told if one != "stale")
    assert held(stored(database, halden[CISO], draft), MFA)["weight"] == winner


def test_saving_what_is_there_is_no_edit(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    before = held(stored(database, halden[CISO], draft), MFA)
    assert not save(database, halden, draft, MFA, copy.deepcopy(before), "old digest")
    with database.looking(halden[CISO].scope) as session:
        assert drafts.draft(session, halden[CISO], draft).revision == 1


# ---------------------------------------------------------------------------------------------------- taking back


@pytest.mark.both_databases
def test_an_edit_a_removal_and_an_addition_can_be_taken_back(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    actor = halden[CISO]
    first = stored(database, actor, draft)
    question = placed(first, MFA)
    assert question is not None
    save(database, halden, draft, MFA, question["part"] | {"weight": 1}, digest(question["part"]))
    undo(database, halden, draft, 2)
    assert stored(database, actor, draft) == first
    for part in (MFA, "section:access"):
        whole = placed(first, part)
        assert whole is not None
        seen = digest(whole["part"])
        change(
            database,
            halden,
            draft,
            lambda s, row, part=part, seen=seen: draft_structure.remove(
                s, row, part, seen=seen, actor=actor, now=NOW
            ),
        )
        gone = stored(database, actor, draft)
        assert held(gone, part) is None
        with database.looking(actor.scope) as session:
            revision = drafts.draft(session, actor, draft).revision
        undo(database, halden, draft, revision)
        assert stored(database, actor, draft) == first, "at its old place"
    key = change(
        database,
        halden,
        draft,
        lambda s, row: draft_structure.add_question(
            s, row, "access", text="Is the door shut?", kind="choice", actor=actor, now=NOW
        ),
    )
    assert key == "own.access.is_the_door_shut"
    with database.looking(actor.scope) as session:
        revision = drafts.draft(session, actor, draft).revision
    undo(database, halden, draft, revision)
    assert stored(database, actor, draft) == first


def test_what_changed_again_since_cannot_be_taken_back(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    before = held(stored(database, halden[CISO], draft), MFA)
    after = before | {"weight": 1}
    save(database, halden, draft, MFA, after, digest(before))
    save(database, halden, draft, MFA, after | {"weight": 2}, digest(after))
    with pytest.raises(Conflict):
        undo(database, halden, draft, 2)
    undo(database, halden, draft, 3)
    undo(database, halden, draft, 2)
    assert held(stored(database, halden[CISO], draft), MFA) == before
    with pytest.raises(NotFound):
        undo(database, halden, draft, 99)


def test_a_question_does_not_come_back_into_a_section_that_is_gone(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    actor = halden[CISO]
    for part in (MFA, "section:access"):
        whole = placed(stored(database, actor, draft), part)
        assert whole is not None
        seen = digest(whole["part"])
        change(
            database,
            halden,
            draft,
            lambda s, row, part=part, seen=seen: draft_structure.remove(
                s, row, part, seen=seen, actor=actor, now=NOW
            ),
        )
    with pytest.raises(Conflict, match="section"):
        undo(database, halden, draft, 2)


# --------------------------------------------------------------------------------------------- order, own, beginning


def test_order_changes_only_what_the_page_showed(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    actor = halden[CISO]
    order = held(stored(database, actor, draft), ORDER)

    def move(part: str, where: str, seen: str) -> bool:
        found: bool = change(
            database,
            halden,
            draft,
            lambda s, row: draft_structure.reorder(s, row, part, where, seen=seen, actor=actor, now=NOW),
        )
        return found

    assert move(MFA, "governance", digest(order))
    after = held(stored(database, actor, draft), ORDER)
    assert dict(map(tuple, after))["governance"][-1] == "access.mfa_staff"
    with pytest.raises(drafts.Stale):
        move(MFA, "down", digest(order))
    assert not move(f"section:{after[0][0]}", "up", digest(after)), "it stands first already"
    with pytest.raises(drafts.Stale):
        move("question:nobody.knows", "up", digest(after))


def test_a_shipped_question_becomes_ones_own_and_conditions_follow(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    actor = halden[CISO]
    before = stored(database, actor, draft)
    gate = "suppliers.uses"
    seen = digest(held(before, f"question:{gate}"))
    key = change(
        database,
        halden,
        draft,
        lambda s, row: draft_structure.make_own(
            s, row, gate, seen=seen, same_meaning=True, actor=actor, now=NOW
        ),
    )
    assert key == f"own.{gate}"
    after = stored(database, actor, draft)
    assert held(after, f"question:{gate}") is None
    assert held(after, f"question:{key}")["formerly"] == [f"{gate}@1"]
    assert gate in parts.encoded(before).decode()
    conditions = json.dumps([one.get("visible_when", "") for _s, _i, one in parts.questions(after)])
    assert f"own.{gate}" in conditions
    assert f'"{gate} ' not in conditions
    with database.looking(actor.scope) as session:
        revision = drafts.draft(session, actor, draft).revision
    undo(database, halden, draft, revision)
    assert stored(database, actor, draft) == before


@pytest.mark.parametrize("slug", ["security_lite", "Not a slug", "", "x" * 65])
def test_a_short_name_that_is_taken_or_odd_is_refused(database: Database, halden: Place, slug: str) -> None:
    document = drafts.empty(slug=slug, title="T", licence="Own")
    with pytest.raises(Invalid) as fault:
        hold(database, halden[CISO], document)
    assert "slug" in fault.value.errors


@pytest.mark.both_databases
def test_a_short_name_belongs_to_one_draft(database: Database, settings: Settings, halden: Place) -> None:
    document = drafts.empty(slug="ours", title="T", licence="Own")
    hold(database, halden[CISO], document)
    with pytest.raises(Invalid):
        hold(database, halden[CISO], document)
    other = make_organisation(database, settings, "Birch")
    hold(database, other[CISO], document)


SECTION = {"key": "a", "title": "A"}
QUESTION = {"key": "own.a.b", "text": "?", "type": "text"}


@pytest.mark.parametrize(
    "sections",
    [
        None,
        [{"title": "no key"}],
        [SECTION, SECTION],
        [{**SECTION, "questions": [QUESTION, QUESTION]}],
        [{**SECTION, "questions": [{"text": "no key"}]}],
        [{**SECTION, "questions": "none"}],
        [{**SECTION, "questions": [{**QUESTION, "key": "a b"}]}],
        [{"key": f"s{n}", "title": "S"} for n in range(101)],
        [{**SECTION, "questions": [{**QUESTION, "key": f"own.q{n}"} for n in range(2001)]}],
        [{**SECTION, "questions": [{**QUESTION, "help": "x" * 4_200_000}]}],
        [{**SECTION, "weight": 1.5}],
    ],
)
def test_what_has_no_parts_is_no_draft(database: Database, halden: Place, sections: Any) -> None:
    document = drafts.empty(slug="ours", title="T", licence="Own") | {"sections": sections}
    with pytest.raises(Invalid):
        hold(database, halden[CISO], document)


def test_a_key_never_changes(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    before = held(stored(database, halden[CISO], draft), MFA)
    with pytest.raises(Invalid):
        save(database, halden, draft, MFA, before | {"key": "own.other"}, digest(before))


def test_a_draft_is_nobody_elses_and_ends_once(database: Database, settings: Settings, halden: Place) -> None:
    draft = begin(database, halden)
    other = make_organisation(database, settings, "Birch")[CISO]
    with database.transaction(other.scope) as session, pytest.raises(NotFound):
        drafts.locked(session, other, draft)
    actor = halden[CISO]
    with pytest.raises(Conflict):
        change(database, halden, draft, lambda s, row: drafts.discard(s, row, seen=7, actor=actor, now=NOW))
    change(database, halden, draft, lambda s, row: drafts.discard(s, row, seen=1, actor=actor, now=NOW))
    with pytest.raises(Conflict):
        change(database, halden, draft, lambda s, row: None)


def test_every_edit_is_on_record_with_an_event(database: Database, halden: Place) -> None:
    draft = begin(database, halden)
    before = held(stored(database, halden[CISO], draft), MFA)
    save(database, halden, draft, MFA, before | {"text": "A secret text of theirs?"}, digest(before))
    with database.looking(halden[CISO].scope) as session:
        edits = session.scalar(
            select(func.count()).where(DraftEdit.organisation_id == halden.id, DraftEdit.draft_id == draft)
        )
        events = session.scalars(
            select(Event)
            .where(Event.organisation_id == halden.id, Event.subject_id == draft)
            .order_by(Event.at)
        ).all()
    assert edits == 1
    assert [one.kind for one in events] == [Kind.DRAFT_STARTED.value, Kind.DRAFT_CHANGED.value]
    assert events[1].data == {"revision": 2, "part": MFA}
    assert "secret" not in str([one.data for one in events])


def test_names_are_made_of_the_first_words() -> None:
    assert naming.slugged("Do you lock the doors at night, always?") == "do_you_lock_the_doors_at"
    assert naming.slugged("Klasse") == "klasse"
    assert naming.slugged("in") == "in_", "a word of the condition language"
    assert naming.slugged("2 keys") == "q_2_keys"
    assert naming.own_key("a-b", "Ünïq") == "own.a_b.nq"
    assert naming.free("a", {"a", "a_2"}) == "a_3"
    assert naming.next_version(["1.0.0", "1.10.0", "1.9.0"]) == "1.11.0"
    assert naming.next_version(["0.3.0"]) == "1.0.0"
