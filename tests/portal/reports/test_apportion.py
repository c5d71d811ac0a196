"""Two decimals that add up, by largest remainder, along a line and in a table."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.apportion import apportion, apportion_columns, decimals, hundredths

parts = st.lists(st.fractions(min_value=0, max_value=500, max_denominator=997), min_size=1, max_size=12)
weights = st.integers(1, 100)
points = st.fractions(min_value=0, max_value=100, max_denominator=30)


@st.composite
def traces(draw: st.DrawFn) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Questions that share 10,000 hundredths by weight, each with what counts, is open and is lost."""
    questions = draw(st.lists(st.tuples(weights, points, points), min_size=1, max_size=40))
    whole = sum(weight for weight, _, _ in questions)
    found = []
    for weight, one, other in questions:
        low, high = min(one, other), max(one, other)
        share = Fraction(weight, whole) * 100
        found.append((share * low, share * (high - low), share * (100 - high)))
    return found


@given(parts)
def test_each_part_is_within_a_hundredth_and_the_whole_is_exact(exact: list[Fraction]) -> None:
    for total in {int(sum(exact)), -int(-sum(exact) // 1)}:
        shown = apportion(exact, total)
        assert sum(shown) == total
        assert all(abs(one - want) < 1 for one, want in zip(shown, exact, strict=True))
        assert all(one == 0 for one, want in zip(shown, exact, strict=True) if want == 0)


@given(parts)
def test_a_larger_part_never_reads_smaller(exact: list[Fraction]) -> None:
    shown = apportion(exact, int(sum(exact)))
    for one, a in zip(shown, exact, strict=True):
        assert all(one >= other for other, b in zip(shown, exact, strict=True) if a > b)


@given(traces())
def test_columns_add_up_and_a_row_is_the_sum_of_its_cells(
    rows: list[tuple[Fraction, Fraction, Fraction]],
) -> None:
    counts, still_open, _lost = (sum(column, Fraction(0)) for column in zip(*rows, strict=True))
    proven, highest = int(counts), int(counts + still_open)
    totals = (proven, highest - proven, 10_000 - highest)
    shown = apportion_columns(rows, totals)
    assert tuple(sum(column) for column in zip(*shown, strict=True)) == totals
    assert sum(sum(row) for row in shown) == 10_000
    for row, exact in zip(shown, rows, strict=True):
        assert all(abs(cell - want) < 1 for cell, want in zip(row, exact, strict=True))
        assert all(cell == 0 for cell, want in zip(row, exact, strict=True) if want == 0)
        assert abs(sum(row) - sum(exact)) < max(1, sum(want > 0 for want in exact))


def test_a_total_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="add up"):
        apportion([Fraction(1, 2), Fraction(1, 2)], 3)


def test_numbers_are_cut_off_and_never_rounded_up() -> None:
    assert hundredths(Fraction("84.999")) == 8499
    assert decimals(8499) == "84.99"
    assert decimals(5) == "0.05"
    assert decimals(10_000) == "100.00"
