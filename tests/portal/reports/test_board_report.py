"""The board's report: its numbers are those of the home page, and nothing that people wrote stands in it."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import delete

from portal.access import OrganisationRole
from portal.db import SYSTEM
from portal.gate import standings
from portal.gate.standing_models import GateBrief
from portal.portfolio import figures
from portal.reports import portfolio_report
from portal.reports.model import Bars, Bullets, Columns, Document, MatrixBlock, Para, Table
from portal.web import Portal
from tests.portal.scene import Deal, Scene
from tests.portal.world import NOW, Browser

SINCE = date(2026, 8, 21)


@pytest.fixture
def deal(scene: Scene) -> Deal:
    return next(one for one in scene.deals if one.gate)


@pytest.fixture
def document(app: Portal, deal: Deal) -> Document:
    return made(app, deal, OrganisationRole.CISO)


def made(app: Portal, deal: Deal, role: OrganisationRole, **later: Any) -> Document:
    actor = deal.organisation[role]
    with app.test_request_context(), app.database.looking(actor.scope) as session:
        return portfolio_report.portfolio(session, actor, since=SINCE, now=NOW + timedelta(**later))


def numbers(document: Document) -> dict[str, list[int]]:
    """Every count of the report, by the kind of block that holds it."""
    found: dict[str, list[int]] = {"bars": [], "squares": [], "columns": [], "said": [], "changes": []}
    for block in document.blocks:
        if isinstance(block, Bars):
            found["bars"] += [one.count for one in block.parts]
        elif isinstance(block, MatrixBlock):
            found["squares"] += [square.count for _name, row in block.rows for square in row]
        elif isinstance(block, Columns):
            found["columns"] += [each for one in block.columns for each in (one.upper, one.lower)]
        elif isinstance(block, Table) and block.head[0] == "What":
            found["changes"] += [int(str(row[1])) for row in block.rows]
        elif isinstance(block, Bullets) and not found["said"]:
            found["said"] = [
                int(one) if one.isdigit() else 0
                for item in block.items
                for one in re.findall(r": (\w+)", item)
            ]
    return found


@pytest.mark.parametrize("role", [OrganisationRole.CISO, OrganisationRole.BUSINESS_OWNER])
def test_each_number_is_the_home_page_s(app: Portal, deal: Deal, role: OrganisationRole) -> None:
    actor = deal.organisation[role]
    with app.test_request_context(), app.database.looking(actor.scope) as session:
        home = figures.home(session, actor, today=NOW.date(), now=NOW, since=SINCE)
    found = numbers(made(app, deal, role))
    counts = {key: one.count for key, one in home.figures.items()}
    risks = [counts[f"risk:{one}"] for one in ("critical", "high", "medium", "low", "none")]
    gates = [
        counts[f"gate:{one}"] for one in ("blocked", "pending", "clear_with_conditions", "clear", "undecided")
    ]
    assert found["bars"] == risks + gates
    assert sum(risks) == sum(gates) == counts["all"] > 0
    assert found["squares"] == [one.count for row in (*home.matrix.rows, home.matrix.sums) for one in row]
    assert found["changes"] == [
        count for key, count in counts.items() if key.startswith("changes:") and key != "changes:"
    ]
    said = [
        "gate:blocked",
        "below",
        "missing",
        "gate:lapsed",
        "gate:lapsing",
        "exceptions:force",
        "assessments:late",
    ]
    said += ["findings:overdue", "findings:critical", "findings:high"]
    assert found["said"] == [counts[key] for key in said]
    months = [each for one in home.months.columns for each in (one.upper, one.lower)]
    assert found["columns"] == (months if any(months) else [])


def test_firms_that_vendors_depend_on_are_the_home_page_s(
    app: Portal, deal: Deal, document: Document
) -> None:
    actor = deal.organisation[OrganisationRole.CISO]
    with app.test_request_context(), app.database.looking(actor.scope) as session:
        home = figures.home(session, actor, today=NOW.date(), now=NOW, since=SINCE)
    shown = [
        row for one in document.blocks if isinstance(one, Table) and one.head[0] == "Firm" for row in one.rows
    ]
    wanted = [
        (one.name, f"{one.critical} of {one.of_critical}", f"{one.high} of {one.of_high}")
        for one in home.parties
    ]
    assert shown == wanted


def test_a_business_owner_s_report_says_that_it_is_of_their_engagements_alone(
    app: Portal, deal: Deal, document: Document
) -> None:
    """The same figures of a part are not the figures of the house: title, lead, ground and hash tell them apart."""
    owner = deal.organisation[OrganisationRole.BUSINESS_OWNER]
    found = made(app, deal, OrganisationRole.BUSINESS_OWNER)
    assert owner.person.name in found.title
    (lead,) = [one for one in found.blocks if isinstance(one, Para) and one.tone == "caution"][:1]
    assert owner.person.name in lead.text
    assert ("Only the engagements of", owner.person.name) in found.rests_on
    assert "For the board" not in {one.text for one in found.headings}
    assert "For the board" in {one.text for one in document.headings}
    assert "Only the engagements of" not in dict(document.rests_on)
    assert owner.person.name not in document.title
    browser = Browser(app.test_client(), owner.person.email)
    answer = browser.get(f"/o/{deal.organisation.slug}/portfolio/report.pdf")
    assert "portfolio-report-own-" in answer.headers["Content-Disposition"]


def test_what_is_being_worked_out_is_neither_assessed_nor_none(app: Portal, deal: Deal) -> None:
    """With no gate worked out a board reads that the report is not complete, and no sentence that nobody can know."""
    ciso = deal.organisation[OrganisationRole.CISO]
    standings._worked._known.clear()
    with app.database.transaction(SYSTEM) as session:
        session.execute(delete(GateBrief))
    with app.test_request_context(), app.database.looking(ciso.scope) as session:
        found = portfolio_report.portfolio(session, ciso, since=SINCE, now=NOW, most=0)
    texts = [one.text for one in found.blocks if isinstance(one, Para)]
    assert any("This report is not complete" in one for one in texts)
    assert not any("assessed" in one or "There are none" in one or "band" in one for one in texts[:4])
    (attention,) = [one for one in found.blocks if isinstance(one, Bullets)][:1]
    assert "Blocked gates: none among those that are worked out" in attention.items
    whole = made(app, deal, OrganisationRole.CISO)
    assert not any("not complete" in one.text for one in whole.blocks if isinstance(one, Para))
    assert "Blocked gates: none among" not in repr(whole)


def test_page_and_pdf_bear_the_same_hash_on_another_hour_too(
    app: Portal, deal: Deal, document: Document
) -> None:
    ciso = Browser(app.test_client(), deal.organisation[OrganisationRole.CISO].person.email)
    address = f"/o/{deal.organisation.slug}/portfolio/report"
    html = ciso.get(f"{address}?since={SINCE}").text
    pdf = PdfReader(io.BytesIO(ciso.get(f"{address}.pdf?since={SINCE}").data))
    digest = re.search(r'class="mono hash">([0-9a-f ]+)<', html)
    assert digest is not None
    assert digest.group(1).replace(" ", "") == document.content_hash
    assert pdf.metadata is not None
    assert pdf.metadata.subject == f"SHA-256 {document.content_hash}"
    assert made(app, deal, OrganisationRole.CISO, hours=3).content_hash == document.content_hash


def test_nothing_that_people_wrote_stands_in_it(scene: Scene, document: Document) -> None:
    """Names of vendors, engagements and firms do; reasons, answers, conditions and notes do not."""
    text = repr(document)
    heard = {re.sub(r"\d+q$", "", word)[2:] for word in scene.canaries if word in text}
    assert heard == {"vendor", "engagement", "party"}
