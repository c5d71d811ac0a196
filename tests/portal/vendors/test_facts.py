"""Facts: what may be written, how several engagements combine, what pages say."""

from __future__ import annotations

from typing import Any

import pytest

from portal.faults import Invalid
from portal.vendors.facts import ASKED, checked_facts, combined_facts, fact_in_words, in_words, label_of
from questionnaires.answers import parse_facts
from questionnaires.facts import TABLE


def test_every_fact_of_an_engagement_but_tier_and_service_is_asked() -> None:
    asked = {name for name in TABLE if name.startswith("engagement.")}
    assert asked - set(ASKED) == {"engagement.tier", "engagement.service"}


@pytest.mark.parametrize("nothing", [None, "", [], ()])
def test_what_nobody_knows_is_left_out(nothing: Any) -> None:
    assert checked_facts(dict.fromkeys(ASKED, nothing)) == {}


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ({"engagement.data": ["special", "personal"]}, {"engagement.data": ["personal", "special"]}),
        ({"engagement.data": ["personal", "personal"]}, {"engagement.data": ["personal"]}),
        ({"engagement.access": ["none"]}, {"engagement.access": ["none"]}),
        ({"engagement.volume": "up_1k"}, {"engagement.volume": "up_1k"}),
        ({"engagement.spend": "12000.50"}, {"engagement.spend": "12000.50"}),
        ({"engagement.spend": "0"}, {"engagement.spend": "0"}),
    ],
)
def test_known_facts_are_stored_in_the_order_of_the_table(
    raw: dict[str, Any], stored: dict[str, Any]
) -> None:
    assert checked_facts(raw) == stored


@pytest.mark.parametrize(
    "raw",
    [
        {"engagement.data": ["stolen"]},
        {"engagement.data": "personal"},
        {"engagement.data": ["public_only", "personal"]},
        {"engagement.access": ["none", "premises"]},
        {"engagement.volume": "many"},
        {"engagement.volume": ["up_1k"]},
        {"engagement.spend": "12,000"},
        {"engagement.spend": "-1"},
        {"engagement.spend": "1e9"},
        {"engagement.spend": "٣"},
        {"engagement.spend": "9999999999999999"},
        {"engagement.tier": "low"},
        {"vendor.country": "DE"},
        {"no.such": "fact"},
    ],
)
def test_a_fact_that_does_not_fit_is_named(raw: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        checked_facts(raw)
    assert set(refused.value.errors) == set(raw)


@pytest.mark.parametrize(
    ("name", "values", "combined"),
    [
        ("engagement.tier", ["low", "high", "medium"], "high"),
        ("engagement.data", [["personal"], ["card"]], ["card", "personal"]),
        ("engagement.data", [["public_only"], ["card"]], ["card"]),
        ("engagement.data", [["public_only"], ["public_only"]], ["public_only"]),
        ("engagement.data", [["personal"], None], None),
        ("engagement.access", [["none"], ["premises"]], ["premises"]),
        ("engagement.volume", ["none", "over_100k"], "over_100k"),
        ("engagement.volume", [None, "over_100k"], "over_100k"),
        ("engagement.volume", [None, "up_100k"], None),
        ("engagement.outage", ["week", "hours", "day"], "hours"),
        ("engagement.spend", ["1.10", "2.20"], "3.30"),
        ("engagement.spend", ["1.10", None], None),
        ("engagement.service", ["Archive", None, "Scanning"], "Archive\nScanning"),
        ("organisation.regimes", [["gdpr"], ["gdpr"]], ["gdpr"]),
        ("organisation.regimes", [[], []], []),
        ("vendor.country", ["PL", "PL"], "PL"),
    ],
)
def test_an_assessment_over_several_engagements_takes_the_worst_and_all_data(
    name: str, values: list[Any], combined: Any
) -> None:
    found = combined_facts([{} if value is None else {name: value} for value in values])
    assert found.get(name) == combined
    parse_facts(found)


def test_pages_read_facts_in_words() -> None:
    words = {one.name: one for one in in_words({"engagement.data": ["personal"]})}
    assert words["engagement.data"].values == ("Personal data",)
    assert words["engagement.volume"].values == ()
    assert words["engagement.harm"].internal
    assert not words["engagement.data"].internal
    assert label_of("engagement.volume") == "Number of records"
    assert fact_in_words("engagement.spend", "12000").values == ("12000",)
