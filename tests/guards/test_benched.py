"""Every list is measured at its full size (tests/benchmarks/pages.py), or it is said why it is not."""

from __future__ import annotations

from portal.access import OrganisationRole
from portal.db import Database
from portal.settings import Settings
from portal.web import Portal
from tests.benchmarks import campaign
from tests.benchmarks.pages import API, FILES, HOUSE, LEFT_OUT, beat, candidates, measured_rules
from tests.guards.test_routes import ROUTES
from tests.portal.world import make_organisation, signed_in


def test_every_page_without_an_id_is_measured_or_left_out_for_a_reason(app: Portal) -> None:
    asked = {route.removeprefix("GET ") for route in ROUTES if route.startswith("GET ")}
    pages = {
        one
        for one in asked
        if (one.startswith(HOUSE) and "<" not in one.removeprefix(HOUSE))
        or (one.startswith(f"{API}/") and "<" not in one)
        or one in ("/healthz", "/metrics")
    }
    pages = {one for one in pages if not one.endswith(FILES)}
    assert candidates(app) == pages
    assert set(measured_rules(app)) | set(LEFT_OUT) == pages
    assert all(why.strip() for why in LEFT_OUT.values())


def test_a_bench_of_copied_vendors_runs() -> None:
    """It shares its copies with the bench of the cycle, and nobody runs it but before an issue is closed."""
    assert len(campaign.measured(7)) == 2


def test_every_page_that_is_measured_opens(app: Portal, database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    beat(database)
    browser = signed_in(app, place[OrganisationRole.CISO])
    paths = [one.replace("<organisation>", place.slug) for one in measured_rules(app)]
    found = {path: browser.get(path).status_code for path in paths if not path.startswith(f"{API}/")}
    assert {path: status for path, status in found.items() if status != 200} == {}
