"""How a filter is taken apart for counting; that figures are the lengths of their lists is test_figures'."""

from __future__ import annotations

from datetime import date

from portal.portfolio import changes
from portal.portfolio.counting import parts
from portal.portfolio.engagement_lists import Filter
from portal.reassessment import queries as reassessment

SINCE = date(2026, 11, 1)


def test_a_filter_that_asks_several_things_is_as_many_filters() -> None:
    assert parts(Filter(tier="high", level="3")) == [Filter(tier="high"), Filter(level="3")]
    upper = reassessment.Filter(month="2026-12", part="upper")
    assert parts(upper) == [reassessment.Filter(month="2026-12"), reassessment.Filter(part="upper")]


def test_one_that_asks_one_thing_or_none_is_itself() -> None:
    """A field without a default is in every part: it says how the others are meant."""
    for one in (Filter(), Filter(below="pass"), changes.Filter(SINCE), changes.Filter(SINCE, "fell")):
        assert parts(one) == [one]
    assert parts(changes.Filter(SINCE, "fell", tier="high")) == [
        changes.Filter(SINCE, "fell"),
        changes.Filter(SINCE, tier="high"),
    ]
