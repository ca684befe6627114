"""Figures of the benchmark: their spread, and what is said of a change."""

import math

import numpy as np
import pytest

from figures import Change, Figure, median_interval, merged, once, ratio, shown


@pytest.mark.parametrize("count", [6, 9, 25])
def test_the_spread_holds_the_true_median_as_often_as_it_says(count):
    draws = np.random.default_rng(1).lognormal(size=(1000, count))  # skewed; its median is 1
    held = np.mean([low <= 1 <= high for low, high in map(median_interval, draws)])
    assert held > 0.94
    assert count == 6 or held < 0.99  # of six values no narrower pair is there


def test_fewer_than_six_values_have_no_spread():
    assert Figure("a", (1.0, 2.0, 3.0, 4.0, 5.0)).spread is None
    assert Figure("a", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)).spread == (1, 6)
    assert once("a", 1.0).half_width == math.inf


def test_a_figure_is_the_median_of_what_is_a_number():
    assert Figure("a", (1.0, math.nan, 9.0, 2.0)).value == 2
    assert math.isnan(once("a", math.nan).value)


def test_the_half_width_is_relative():
    assert Figure("a", (90.0, 100.0, 100.0, 100.0, 100.0, 110.0)).half_width == pytest.approx(0.1)
    assert Figure("a", (-90.0, -100.0, -100.0, -100.0, -100.0, -110.0)).half_width == pytest.approx(0.1)
    assert Figure("a", (0.0,) * 6).half_width == 0
    assert Figure("a", (0.0,) * 5 + (1.0,)).half_width == math.inf


def test_values_of_the_same_name_come_together_in_order():
    found = merged([once("a", 1.0), once("b", 2.0), once("a", 3.0, detail="last")])
    assert [(figure.name, figure.values) for figure in found] == [("a", (1, 3)), ("b", (2,))]
    assert found[0].detail == "last"


def test_a_few_values_with_intervals_of_their_own_have_what_holds_these():
    found = merged([once("a", 3.0, interval=(2.0, 4.0)), once("a", 5.0, interval=(1.0, 6.0)), once("a", 4.0)])
    assert (found[0].value, found[0].spread) == (4, (1, 6))
    found = merged([once("a", float(value), interval=(-9.0, 9.0)) for value in range(6)])
    assert found[0].spread == (0, 5)


def test_a_ratio_says_of_what():
    found = ratio("a", 0.004, 0.002, "ms", times=1e3)
    assert (found.value, found.unit, found.detail) == (2, "", "4.00 / 2.00 ms")
    assert math.isnan(ratio("a", 1.0, 0.0, "ms").value)


def around(value, width):
    return Figure("a", tuple(value + width * step for step in (-1, -0.5, 0, 0, 0.5, 1)))


@pytest.mark.parametrize(
    ("now", "earlier", "change", "beyond"),
    [
        (around(20, 1), around(10, 1), 2, True),
        (around(10, 1), around(20, 1), 0.5, True),
        (around(20, 6), around(10, 6), 2, False),
        (around(20, 1), once("a", 10.0), 2, None),
        (once("a", 20.0), around(10, 1), 2, None),
        (once("a", 20.0, interval=(19.0, 21.0)), around(10, 1), 2, True),
    ],
)
def test_a_change_is_marked_only_beyond_both_spreads(now, earlier, change, beyond):
    found = Change.of(now, earlier)
    assert (found.ratio, found.beyond) == (pytest.approx(change), beyond)
    assert ("≠" in str(found)) == bool(beyond)


def test_what_was_nothing_has_no_ratio():
    assert str(Change.of(once("a", 3.0), once("a", 0.0))) == "–"
    assert str(Change.of(once("a", 0.0), once("a", 0.0))) == "1.00"


def test_numbers_are_shown_with_three_digits():
    assert [shown(value) for value in (0, 0.01234, 1.5, -12.345, 99.96, 1234.5, math.nan)] == [
        "0.00",
        "0.0123",
        "1.50",
        "-12.3",
        "100.0",
        "1234",
        "–",
    ]
