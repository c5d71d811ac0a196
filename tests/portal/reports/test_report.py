"""Reports: what the page and the PDF say is one thing; hostile text stays text; contents, sums and hashes are right."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select, update

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.reports import engagement_report, management, pdf, report_html, vendor_report
from portal.reports.copy_writing import one_of_few
from portal.reports.model import (
    Bars,
    Break,
    Bullets,
    Column,
    Columns,
    Document,
    Facts,
    Heading,
    MatrixBlock,
    Para,
    Part,
    Range,
    Square,
    State,
    Table,
    Zone,
)
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from tests.portal.scene import Deal, Scene
from tests.portal.world import NOW, Browser

HOSTILE = (
    "<b>bold</b>",
    "<img src='http://127.0.0.1/x'/>",
    "{{7*7}}",
    "{% raise %}",
    "=cmd|' /C calc'!A0",
    "&amp; &lt;",
    "%(name)s %s",
    "</para><para>",
    "\\n(\\051)",
)
BANDS = (Zone("good", "Good", 70, 4), Zone("bad", "Bad", 0, 1))


def made(*blocks: Any, **more: Any) -> Document:
    return Document(
        **{
            "kind": "vendor_report",
            "title": "Report",
            "subject": "Fennmark",
            "made_at": NOW,
            "made_for": "Halden",
            "zone": "UTC",
            "rests_on": (("Vendor", "1"),),
            "blocks": blocks,
            **more,
        }
    )


def pages_of(data: bytes) -> list[str]:
    return [one.extract_text() for one in PdfReader(io.BytesIO(data)).pages]


def squeezed(text: str) -> str:
    """Without spaces and breaks: a long word may be broken anywhere."""
    return re.sub(r"\s+", "", text)


@pytest.fixture
def words(app: Portal) -> Any:
    """The language of a request."""
    with app.test_request_context():
        yield


# ---------------------------------------------------------------------------------------------------------------- hash


def test_the_hash_is_of_what_is_said_and_not_of_when_or_for_whom() -> None:
    one = made(Para("a"), Table("c", ("h",), (("x",),)))
    assert one.content_hash == replace(one, made_at=NOW + timedelta(days=9), made_for="Other").content_hash
    others = [
        replace(one, title="Other"),
        replace(one, subject="Other"),
        replace(one, rests_on=()),
        replace(one, blocks=(Para("b"), *one.blocks[1:])),
        replace(one, blocks=(Para("a", "lead"), *one.blocks[1:])),
        replace(one, blocks=one.blocks[:1]),
        replace(one, blocks=(Para("a"), Table("c", ("h",), ((State("bad", "x"),),)))),
    ]
    assert len({one.content_hash, *(each.content_hash for each in others)}) == len(others) + 1


# ----------------------------------------------------------------------------------------------------------------- PDF


def test_every_block_is_in_the_pdf_word_for_word(words: None) -> None:
    document = made(
        Heading(1, "Management"),
        Para("A lead sentence.", "lead"),
        Para("A note of caution.", "caution"),
        Bullets(("First bullet", "Second bullet")),
        Facts((("Label of a fact", "Value of a fact"),)),
        Table(
            "Caption of a table",
            ("Name", "Number"),
            (("Row one", "11"), (State("bad", "Blocked word"), "22")),
            frozenset({1}),
            ("Together", "33"),
        ),
        Bars(
            "Caption of bars", ("What", "How many"), (Part("Part one", 3, "good"), Part("Part two", 0, "bad"))
        ),
        Columns(
            "Caption of columns", "Month", ("Upper", "Lower"), (Column("Jan", 4, 5), Column("Feb", 0, 0))
        ),
        MatrixBlock(
            "Caption of a matrix", "Tier", ("Best", "All"), (("High", (Square(61, "bad", True), Square(62))),)
        ),
        Range("Caption of a range", BANDS, "66.66", "81.20", "bad", "held by 3.1"),
    )
    text = squeezed(" ".join(pages_of(pdf.as_pdf(document))))
    said = (
        "Management|A lead sentence.|A note of caution.|First bullet|Second bullet|Label of a fact|Value of a fact|"
        "Caption of a table|Name|Number|Row one|11|Blocked word|22|Together|33|Caption of bars|Part one|Part two|"
        "Caption of columns|Upper|Lower|Jan|Caption of a matrix|High|61|62|66.66|81.20|held by 3.1|Good|Bad"
    )
    assert [one for one in said.split("|") if squeezed(one) not in text] == []
    assert f"SHA-256begins{document.content_hash[:12]}" in text
    assert "page2of2" in text


@pytest.mark.parametrize("where", ["cell", "paragraph", "heading", "subject"])
def test_what_somebody_typed_is_drawn_letter_by_letter(words: None, where: str) -> None:
    typed = " ".join(HOSTILE)
    blocks: dict[str, tuple[Any, ...]] = {
        "cell": (Table(typed, (typed,), ((typed,), (State("good", typed),))),),
        "paragraph": (Para(typed), Bullets((typed,)), Facts(((typed, typed),))),
        "heading": (Heading(1, typed),),
        "subject": (Para("x"),),
    }
    document = made(*blocks[where], subject=typed if where == "subject" else "Fennmark")
    text = squeezed(" ".join(pages_of(pdf.as_pdf(document))))
    assert squeezed(typed) in text
    assert "49" not in text.replace(document.content_hash[:12], "")


def test_what_hides_or_turns_words_is_dropped_and_named_on_the_page(words: None) -> None:
    document = made(
        Para("pay\N{RIGHT-TO-LEFT OVERRIDE}ten\N{ZERO WIDTH SPACE}der\N{BOM}\x07"), subject="a\u2066b"
    )
    text = " ".join(pages_of(pdf.as_pdf(document)))
    assert "paytender" in text
    shown = report_html.readable(document)
    assert shown.blocks == (Para("pay[U+202E]ten[U+200B]der[U+FEFF][U+0007]"),)
    assert shown.subject == "a[U+2066]b"


def test_letters_that_no_font_has_are_said_to_be_missing(words: None) -> None:
    ordinary = " ".join(pages_of(pdf.as_pdf(made(Para("Ünïcödé Ωμέγα Жук Հայ")))))
    assert "Ünïcödé Ωμέγα Жук Հայ" in ordinary
    assert "question mark" not in ordinary
    assert "question mark" in " ".join(pages_of(pdf.as_pdf(made(Para("漢字 \N{PILE OF POO}")))))
    assert "right to left" in squeezed_lines(pages_of(pdf.as_pdf(made(Para("שלום")))))


def squeezed_lines(pages: list[str]) -> str:
    return " ".join(" ".join(pages).split())


def test_contents_name_the_page_on_which_a_heading_stands(words: None) -> None:
    blocks: list[Any] = [Heading(1, "For management"), Para("Short.")]
    for chapter in range(1, 41):
        blocks += [Break(), Heading(1, f"Chapter number {chapter}", str(chapter))]
        blocks += [
            Heading(2, f"Part of {chapter}", f"{chapter}.1"),
            Bullets(("word " * 30,) * (chapter * 3 % 29)),
        ]
    pages = pages_of(pdf.as_pdf(made(*blocks)))
    listed = dict(re.findall(r"(?m)^\d+ (Chapter number \d+)\s+(\d+)$", "\n".join(pages[1:3])))
    found = re.findall(r"(?m)^\d+  ?(Chapter number \d+)$", "\n".join(pages[3:]))
    assert len(listed) == len(set(found)) == 40
    for name, page in listed.items():
        assert re.search(rf"(?m){name}$", pages[int(page) - 1]), (name, page)
    assert f"page {len(pages)} of {len(pages)}" in pages[-1]
    reader = PdfReader(io.BytesIO(pdf.as_pdf(made(*blocks))))
    outline = [one for one in reader.outline if not isinstance(one, list)]
    assert [reader.get_destination_page_number(one) + 1 for one in outline[1:]] == [
        int(one) for one in listed.values()
    ]


def test_a_row_that_is_higher_than_a_page_goes_on_on_the_next(words: None) -> None:
    rows = tuple(
        (f"row {at}", "w" * 4000 if at == 1 else f"[{at}]" + "long " * (900 if at == 2 else 3))
        for at in range(4)
    )
    pages = pages_of(pdf.as_pdf(made(Table("Tall", ("One", "Two"), rows, widths=(20, 80)))))
    text = squeezed(" ".join(re.sub(r"SHA-256 begins.*", "", one) for one in pages))
    assert len(pages) == 2
    assert text.count("w" * 100) >= 30
    assert text.count("long") == 900 + 3 + 3
    assert all("One" in one and "Two" in one for one in pages), "the head stands on each page"


def test_a_pdf_is_not_written_inside_a_write_transaction(database: Database) -> None:
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        pdf.as_pdf(made())


# -------------------------------------------------------------------------------------------------------------- vendor


def browser(app: Portal, deal: Deal, role: OrganisationRole = OrganisationRole.CISO) -> Browser:
    return Browser(app.test_client(), deal.organisation[role].person.email)


def address(deal: Deal, ending: str = "") -> str:
    return f"/o/{deal.organisation.slug}/vendors/{deal.vendor}/report{ending}"


def plain(html: str) -> str:
    main = html[html.index("<main") : html.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_page_and_pdf_of_a_vendor_say_the_same(app: Portal, scene: Scene, words: None) -> None:
    deal = next(one for one in scene.deals if one.submission and one.gate)
    ciso = browser(app, deal)
    html = ciso.get(address(deal)).text
    answer = ciso.get(address(deal, ".pdf"))
    digest = re.search(r'class="mono hash">([0-9a-f ]+)<', html)
    assert digest is not None
    whole = digest.group(1).replace(" ", "")
    reader = PdfReader(io.BytesIO(answer.data))
    assert reader.metadata is not None
    assert reader.metadata.subject == f"SHA-256 {whole}"
    text, page = squeezed(" ".join(pages_of(answer.data))), squeezed(plain(html))
    with app.database.looking(deal.organisation[OrganisationRole.CISO].scope) as session:
        document = vendor_report.vendor(
            session, deal.organisation[OrganisationRole.CISO], deal.vendor, now=NOW + timedelta(hours=2)
        )
    assert document.content_hash == whole, "two hours later the same facts give the same hash"
    said = [
        cell for block in document.blocks if isinstance(block, Table) for row in block.rows for cell in row
    ]
    assert len(said) > 60
    for one in said:
        word = squeezed(one.word if isinstance(one, State) else one)
        assert word in text, one
        assert word in page, one
    for _label, value in document.rests_on:
        assert value in text
        assert value in page


def test_the_page_for_management_is_one_page_and_all_of_it_stands_after_it(
    app: Portal, scene: Scene, words: None
) -> None:
    deal = next(one for one in scene.deals if one.submission and one.gate)
    name = "Archive of claims, northern offices"
    with app.database.transaction(SYSTEM) as session:
        named = update(Engagement).where(Engagement.id == deal.engagement).values(name=name)
        session.execute(named.execution_options(unaudited=True, synchronize_session=False))
    ciso = deal.organisation[OrganisationRole.CISO]
    with app.database.looking(ciso.scope) as session:
        one = engagement_report.read(session, ciso, deal.engagement, now=NOW)
        first = [Heading(1, "For management"), *management.blocks([one])]
        pages = pages_of(pdf.as_pdf(made(*first, *management.whole([one]), Break(), Heading(1, "More"))))
        assert "Contents" in pages[1]
        assert "All engagements" not in " ".join(pages)
        first = [Heading(1, "For management"), *management.blocks([one] * 40)]
        pages = pages_of(pdf.as_pdf(made(*first, *management.whole([one] * 40))))
    assert "36 more engagements" in squeezed_lines(pages[:1])
    assert "Contents" in pages[1]
    assert one.todo
    assert squeezed_lines(pages[2:]).count(name) >= 40 * (2 + len(one.todo))


def test_a_name_from_right_to_left_moves_no_number_beside_it(app: Portal, scene: Scene, words: None) -> None:
    """In a sentence of a list it stands by itself; the PDF, which turns nothing, has no sign of that."""
    deal = next(one for one in scene.deals if one.submission and one.gate)
    name = "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED} 12"
    with app.database.transaction(SYSTEM) as session:
        named = update(Engagement).where(Engagement.id == deal.engagement).values(name=name)
        session.execute(named.execution_options(unaudited=True, synchronize_session=False))
    ciso = browser(app, deal)
    page = ciso.get(address(deal)).text
    assert f"<li><bdi>{name}</bdi>: " in page
    assert "U+2068" not in page  # pages name such signs where somebody has typed them
    drawn = " ".join(pages_of(ciso.get(address(deal, ".pdf")).data))
    assert "\N{FIRST STRONG ISOLATE}" not in drawn


def test_taking_the_pdf_is_on_record_with_its_hash_and_no_name_of_a_vendor(app: Portal, scene: Scene) -> None:
    deal = scene.deals[0]
    with app.database.transaction(SYSTEM) as session:
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None, organisation_id=deal.organisation.id)
        session.execute(update(Vendor).where(Vendor.id == deal.vendor).values(name='x"\r\n; .exe\u202efdp.'))
    answer = browser(app, deal).get(address(deal, ".pdf"))
    assert answer.headers["Content-Disposition"].endswith(
        f"vendor-report-{str(deal.vendor)[:8]}-2026-11-21.pdf"
    )
    with app.database.looking(SYSTEM) as session:
        events = session.execute(select(Event).where(Event.kind == Kind.EXPORTED)).scalars().all()
    event = next(one for one in events if one.data.get("what") == "vendor_report")
    digest = PdfReader(io.BytesIO(answer.data)).metadata.subject  # type: ignore[union-attr]
    assert digest == f"SHA-256 {event.data['hash']}"
    assert event.data["subject"] == str(deal.vendor)


def test_a_business_owner_reads_of_their_own_engagements_alone(
    app: Portal, scene: Scene, words: None
) -> None:
    """The owner has one of the two; nothing of the other stands in the report, in its figures neither."""
    deal = next(one for one in scene.deals if one.opened)
    whole = plain(browser(app, deal).get(address(deal)).text)
    owner = deal.organisation[OrganisationRole.BUSINESS_OWNER]
    with app.database.looking(owner.scope) as session:
        found = vendor_report.vendor(session, owner, deal.vendor, now=NOW)
    ids = {value for label, value in found.rests_on if label.startswith("Engagement")}
    assert ids == {str(deal.engagement)}
    assert "None of the 2 engagements" in whole
    page = plain(browser(app, deal, OrganisationRole.BUSINESS_OWNER).get(address(deal)).text)
    assert "The one engagement may not go ahead today." in page
    assert f"the engagements alone whose business owner is {owner.person.name}" in page
    assert ("Only the engagements of", owner.person.name) in found.rests_on
    assert owner.person.name in found.title
    assert "the engagements alone whose business owner" not in whole


def test_few_submissions_are_read_whole_and_the_rest_is_said(
    app: Portal, scene: Scene, words: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = next(one for one in scene.deals if one.submission and one.gate)
    ciso = deal.organisation[OrganisationRole.CISO]
    with app.database.looking(ciso.scope) as session:
        whole = vendor_report.vendor(session, ciso, deal.vendor, now=NOW)
        monkeypatch.setattr(vendor_report, "MOST_SUBMISSIONS", 0)
        cut = vendor_report.vendor(session, ciso, deal.vendor, now=NOW)
    assert any(label.startswith("Submission:") for label, _value in whole.rests_on)
    assert not any(label.startswith("Submission:") for label, _value in cut.rests_on)
    texts = [one.text for one in cut.blocks if isinstance(one, Para)]
    assert any("left out" in one and "submission" in one for one in texts)
    assert not any("left out" in one.text for one in whole.blocks if isinstance(one, Para))


def test_reports_on_vendors_are_made_by_few_at_a_time(app: Portal, scene: Scene) -> None:
    """The page reads as much as the PDF."""
    deal = scene.deals[0]
    reader = browser(app, deal)
    with one_of_few(), one_of_few():
        assert reader.get(address(deal)).status_code == 503
    assert reader.get(address(deal)).status_code == 200


def test_a_report_of_nothing_says_so(app: Portal, scene: Scene, words: None) -> None:
    deal = scene.deals[0]
    other = next(one for one in scene.deals if one.organisation is not deal.organisation)
    ciso = deal.organisation[OrganisationRole.CISO]
    theirs = f"/o/{deal.organisation.slug}/vendors/{other.vendor}/report"
    assert browser(app, deal).get(theirs).status_code == 404
    assert browser(app, deal).get(f"{theirs}.pdf").status_code == 404
    assert ciso.organisation is not None
