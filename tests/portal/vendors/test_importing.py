"""Vendors from a CSV file: every fault at once, all or nothing, and other people's lists are nobody's business."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
from sqlalchemy import event, func, select

from portal.access import OrganisationRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Invalid, NotFound
from portal.settings import Settings
from portal.vendors import import_reading, importing
from portal.vendors import service as vendors
from portal.vendors.import_reading import COLUMNS, MOST_ROWS, Row, RowFault
from portal.vendors.models import Contact, Engagement, Vendor, VendorImport
from portal.web import Portal
from tests.portal.world import NOW, Browser, Place, make_organisation, signed_in

PROCUREMENT = OrganisationRole.PROCUREMENT
HEAD = ",".join(COLUMNS)
GOOD = (
    f"{HEAD}\r\n"
    "Northwind Ltd,pt,Rui Alves,Rui.Alves@northwind.example,Archive,HIGH,{owner}\r\n"
    "\r\n"
    "northwind  ltd,,Ana Reis,ana@northwind.example,Scanning,low,\r\n"
    "Contoso GmbH,Germany,,,,,\r\n"
)


@pytest.fixture
def alder(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Alder")


def faults_of(text: str) -> list[tuple[int, str]]:
    rows, faults = import_reading.read(text.encode())
    return [(one.number, one.column) for one in [*faults, *import_reading.twice(rows)]]


def count(database: Database, model: Any) -> int:
    with database.looking(SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# ---------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("mark", ["", import_reading.BOM])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_order_mark_line_ends_and_separator_do_not_matter(mark: str, end: str) -> None:
    name = "A, and B, and C, and D, and E, and F, and G, and H, and I, and J"
    text = f"{mark}Tier;NAME;engagement;Contact name;contact_email{end}low;{name};B;C;c@d.example{end}"
    rows, faults = import_reading.read(text.encode())
    assert faults == []
    assert rows == [Row(2, name, contact_name="C", contact_email="c@d.example", engagement="B", tier="low")]


def test_a_quoted_cell_may_hold_the_separator() -> None:
    rows, faults = import_reading.read(b'name,country\n"A, B and ""C""",PT\n')
    assert (rows[0].name, faults) == ('A, B and "C"', [])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "holds no vendor"),
        (b"name\n", "holds no vendor"),
        (b"name,colour\nA,red\n", "“colour”"),
        (b"country\nPT\n", "no column “name”"),
        (b"name,Name\nA,B\n", "twice"),
        (b"name\n\xff\n", "not UTF-8"),
        ("name\nA\n".encode("utf-16"), "not UTF-8"),
        (b'name\n"A\n', "quotation mark"),
        (b'name\n"A"x\n', "quotation mark"),
        (b"name\n" + b"x" * 200_000 + b"\n", "more than 131,072 characters"),
        (b"name\n" + b"A," * 60 + b"B\n", "Line 2 has more than 50 cells"),
        (b"name\n" + b"A\n" * (MOST_ROWS + 1), "more than 10,000"),
        (b"name\n" + b"x" * import_reading.LARGEST, "larger than 5 MB"),
    ],
)
def test_what_is_no_list_is_refused_with_a_reason(data: bytes, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        import_reading.read(data)


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        (",PT,,,,,", ["name"]),
        ("A,Atlantis,,,,,", ["country"]),
        ("A,,Rui,,,,", ["contact_email"]),
        ("A,,,r@x.example,,,", ["contact_name"]),
        ("A,,Rui,nobody,,,", ["contact_email"]),
        ("A,,www.evil.example/x,r@x.example,,,", ["contact_name"]),
        ("http://evil.example,,,,,,", ["name"]),
        ("A,,,,B,,", ["tier"]),
        ("A,,,,B,huge,", ["tier"]),
        ("A,,,,,low,", ["engagement"]),
        ("A,,,,,,o@x.example", ["engagement"]),
        ("A,,,,,,,more", [""]),
        ("A\x01,,,,,,", ["name"]),
        ('"A\nB",,,,,,', ["name"]),
        ("x" * 201 + ",,,,,,", ["name"]),
        ("\ufdfa" * 100 + ",,,,,,", ["name"]),
        ("A,,Rui,r@x.example,B,low,not-an-address", ["business_owner_email"]),
    ],
)
def test_each_rule_names_line_and_column(line: str, columns: list[str]) -> None:
    found = faults_of(f"{HEAD}\nSound,,,,,,\n{line}\n")
    assert [column for _number, column in found] == columns
    assert {number for number, _column in found} <= {3, 4}


def test_rows_that_contradict_each_other_are_named() -> None:
    text = f"{HEAD}\nA,PT,,,B,low,\na,DE,,,C,low,\nA,,,,b,high,\nD,,,,,,\nd,,,,,,\nd,,E,e@x.example,,,\n"
    assert faults_of(text) == [(3, "country"), (4, "engagement"), (6, "name")]


def test_the_first_line_that_names_a_country_is_the_one_that_is_named() -> None:
    assert faults_of("name,country,engagement,tier\nA,,B,low\nA,DE,C,low\n") == []
    rows, _faults = import_reading.read(b"name,country,engagement,tier\nA,,B,low\nA,DE,C,low\nA,PT,D,low\n")
    assert import_reading.twice(rows) == [
        RowFault(4, "country", "Line 3 names another country for this vendor.")
    ]


def test_two_names_for_one_address_are_named() -> None:
    lines = (
        "A,,Rui Alves,r@x.example,B,low,\nA,,rui  alves,R@x.example,C,low,\nA,,Ana Reis,r@x.example,D,low,\n"
    )
    rows, faults = import_reading.read(f"{HEAD}\n{lines}E,,Eva,r@x.example,,,\n".encode())
    assert faults == []
    assert import_reading.twice(rows) == [
        RowFault(4, "contact_name", "Line 2 has another name for this address.")
    ]


def test_spaces_are_written_as_a_form_writes_them() -> None:
    rows, faults = import_reading.read("name\nA \N{NO-BREAK SPACE}  B\n".encode())
    assert (rows[0].name, faults) == ("A B", [])


def test_empty_cells_at_the_end_of_lines_do_not_matter() -> None:
    text = f"name,country{',' * 300}\nA,PT{',' * 300}\n{',' * 300}\n"
    assert import_reading.read(text.encode()) == ([Row(2, "A", country="PT")], [])


def test_a_million_columns_are_refused_before_any_is_compared() -> None:
    began = time.process_time()
    with pytest.raises(Invalid, match="more than 50 cells"):
        import_reading.read(b"name," * 1_000_000 + b"name\nA\n")
    assert time.process_time() - began < 30  # minutes, if each were compared with all


def test_ten_thousand_rows_with_a_fault_in_each_cell_are_read_in_a_row() -> None:
    lines = ["\x01,Neverland,Rui,nobody,Service,huge,no-address"] * MOST_ROWS
    began = time.process_time()
    rows, faults = import_reading.read("\n".join([HEAD, *lines]).encode())
    assert time.process_time() - began < 30  # minutes, if each were compared with all
    assert len(rows) == MOST_ROWS
    assert len(faults) == 5 * MOST_ROWS


def test_what_is_on_record_is_compared_as_people_compare() -> None:
    rows = [
        Row(2, "  NORTHWIND ltd"),
        Row(3, "B", engagement="C", tier="low", business_owner_email="O@x.example"),
    ]
    found = import_reading.check(rows, taken={"northwind ltd"}, owners=set())
    assert [(one.number, one.column) for one in found] == [(2, "name"), (3, "business_owner_email")]
    assert import_reading.check(rows, taken=(), owners={"o@x.example"}) == []


def test_rows_are_kept_as_they_are() -> None:
    rows, _faults = import_reading.read(GOOD.format(owner="o@x.example").encode())
    assert import_reading.from_bytes(import_reading.to_bytes(rows)) == rows
    assert import_reading.counts(rows) == import_reading.Counts(2, 2, 2)


# ---------------------------------------------------------------------------------------------------------- storing


def upload(browser: Browser, place: Place, text: str | bytes) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    fields = {"file": (io.BytesIO(data), "list.csv"), "csrf_token": browser.token()}
    return browser.client.post(
        f"/o/{place.slug}/vendors/import", data=fields, content_type="multipart/form-data"
    )


@pytest.mark.both_databases
def test_a_list_is_looked_through_and_then_on_record(app: Portal, database: Database, alder: Place) -> None:
    buyer = signed_in(app, alder[PROCUREMENT])
    owner = alder[OrganisationRole.BUSINESS_OWNER].person
    answer = upload(buyer, alder, GOOD.format(owner=owner.email.upper()))
    assert answer.status_code == 303, answer.text
    preview = answer.headers["Location"]
    page = buyer.get(preview).text
    assert "Put 2 vendors on record" in page
    assert "Rui Alves" in page
    assert count(database, Vendor) == 0
    assert buyer.post(preview, do="nonsense").status_code == 409
    assert buyer.post(preview, do="confirm").status_code == 303
    assert buyer.post(preview, do="confirm").status_code == 404
    with database.looking(SYSTEM) as session:
        found = {one.name: one for one in session.scalars(select(Vendor))}
        assert {name: one.country for name, one in found.items()} == {
            "Northwind Ltd": "PT",
            "Contoso GmbH": "DE",
        }
        bought = {one.name: one for one in session.scalars(select(Engagement))}
        assert {name: one.tier for name, one in bought.items()} == {"Archive": "high", "Scanning": "low"}
        assert bought["Archive"].business_owner_id == owner.id
        assert bought["Archive"].owner_set_by == alder[PROCUREMENT].person.id
        assert {one.intake_id for one in bought.values()} == {None}
        people = sorted(one.email for one in session.scalars(select(Contact)))
        assert people == ["ana@northwind.example", "rui.alves@northwind.example"]
        kinds = [one.kind for one in session.scalars(select(Event))]
        counted = {
            kind: kinds.count(kind)
            for kind in kinds
            if kind.split(".")[0] in ("vendor", "contact", "engagement")
        }
        assert counted == {"vendor.created": 2, "contact.added": 2, "engagement.created": 2}
        assert kinds.count("vendors.imported") == 1
    assert count(database, VendorImport) == 0
    assert "Northwind Ltd" in buyer.get(f"/o/{alder.slug}/vendors").text


def test_one_fault_and_nothing_is_stored_but_all_are_named(
    app: Portal, database: Database, alder: Place
) -> None:
    buyer = signed_in(app, alder[PROCUREMENT])
    text = f"{HEAD}\n<b>A</b>,PT,,,,,\nB,XX,Rui,,C,,stranger@x.example\n,,,,,,x@y.example\n"
    answer = upload(buyer, alder, text)
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert "7 things in the list need another look" in page
    assert page.index(">3<") < page.index(">4<")
    assert "Nobody in your organisation has this address." in page
    assert (count(database, Vendor), count(database, VendorImport)) == (0, 0)
    for wrong in (b"", b"\xff\xfe", b"colour\nred\n"):
        assert upload(buyer, alder, wrong).status_code == 422
    assert buyer.post(f"/o/{alder.slug}/vendors/import").status_code == 422  # no file at all


def test_many_faults_are_counted_and_the_first_shown(app: Portal, alder: Place) -> None:
    page = upload(
        signed_in(app, alder[PROCUREMENT]), alder, "name\n" + ",\n".join("x" * 250 for _n in range(300))
    )
    assert page.status_code == 422
    assert "300 things in the list" in page.text
    assert "The first 200 of 300." in page.text


def test_a_name_that_is_taken_meanwhile_stops_all_of_it(
    app: Portal, database: Database, alder: Place
) -> None:
    buyer = signed_in(app, alder[PROCUREMENT])
    preview = upload(buyer, alder, "name\nNorthwind\nContoso\n").headers["Location"]
    identity = alder[OrganisationRole.CISO]
    with database.transaction(identity.scope) as session:
        vendors.create_vendor(session, name="CONTOSO", country=None, actor=identity, now=NOW)
    answer = buyer.post(preview, do="confirm")
    assert answer.status_code == 409
    assert "You have a vendor of this name already." in answer.text
    assert count(database, Vendor) == 1
    assert buyer.post(preview, do="discard").status_code == 303
    assert count(database, VendorImport) == 0


def test_a_list_is_its_persons_own_and_for_a_day(
    database: Database, settings: Settings, alder: Place
) -> None:
    buyer, ciso = alder[PROCUREMENT], alder[OrganisationRole.CISO]
    stranger = make_organisation(database, settings, "Birch")[PROCUREMENT]
    with database.transaction(buyer.scope) as session:
        first = importing.keep(session, [Row(2, "A")], actor=buyer, now=NOW).id
    with database.transaction(buyer.scope) as session:
        second = importing.keep(session, [Row(2, "B")], actor=buyer, now=NOW).id
    for identity, key, now in (
        (buyer, first, NOW),  # replaced by the second
        (ciso, second, NOW),
        (stranger, second, NOW),
        (buyer, second, NOW + importing.KEPT),
    ):
        with database.looking(identity.scope) as session, pytest.raises(NotFound):
            importing.kept(session, identity, key, now=now)
    with database.looking(buyer.scope) as session:
        assert importing.kept(session, buyer, second, now=NOW).count == 1


def test_the_example_is_a_sound_list(app: Portal, alder: Place) -> None:
    buyer = signed_in(app, alder[PROCUREMENT])
    example = buyer.get(f"/o/{alder.slug}/vendors/import/example.csv")
    rows, faults = import_reading.read(example.data)
    assert (len(rows), faults) == (2, [])
    assert re.match(r"attachment; filename=", example.headers["Content-Disposition"])


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that run meanwhile; many rows at once are one."""
    seen: list[str] = []

    def note(*given: Any) -> None:
        seen.append(given[2])

    event.listen(database.writing, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.writing, "before_cursor_execute", note)


def test_ten_thousand_rows_are_stored_by_a_handful_of_statements(database: Database, alder: Place) -> None:
    """Others wait up to five seconds for a writer (db.BUSY_SECONDS), so no statement is run for each row."""
    buyer = alder[PROCUREMENT]
    lines = [f"Vendor {n},PT,Person {n},p{n}@x.example,Service {n},low," for n in range(MOST_ROWS)]
    rows, faults = import_reading.read("\n".join([HEAD, *lines]).encode())
    assert faults == []
    with database.transaction(buyer.scope) as session:
        found = importing.keep(session, rows, actor=buyer, now=NOW)
        with counted(database) as statements:
            assert importing.confirm(session, found, actor=buyer, now=NOW) == MOST_ROWS
        assert len(statements) < 100, statements
    assert count(database, Engagement) == MOST_ROWS
    with database.transaction(buyer.scope) as session:
        again = importing.keep(session, rows[:1], actor=buyer, now=NOW)
        with pytest.raises(importing.Overtaken) as caught:
            importing.confirm(session, again, actor=buyer, now=NOW)
        assert caught.value.faults == [RowFault(2, "name", "You have a vendor of this name already.")]
