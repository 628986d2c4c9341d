"""Strengths from choices, held against figures that others have published or that can be had by hand."""

from __future__ import annotations

from math import log, sqrt

import pytest

from fusion_site.engine.strength import Choice, share_interval, strengths

ALMOST_NONE = 1e-7
# Wins of each team over each other in the American League East of 1987, and what the model makes of them: Agresti,
# Categorical Data Analysis (2nd ed.), tables 10.10 and 10.11.
TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
WINS = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
PUBLISHED = {
    "Milwaukee": 1.58,
    "Detroit": 1.44,
    "Toronto": 1.29,
    "New York": 1.25,
    "Boston": 1.11,
    "Cleveland": 0.68,
}


def choice(among: str, chosen: str) -> Choice[str]:
    return Choice(frozenset(among), frozenset(chosen))


def test_a_published_season_gives_its_published_strengths() -> None:
    games = [
        Choice(frozenset((winner, loser)), frozenset((winner,)))
        for i, winner in enumerate(TEAMS)
        for j, loser in enumerate(TEAMS)
        for _ in range(WINS[i][j])
    ]
    fit = strengths(games, prior=ALMOST_NONE)
    for team, published in PUBLISHED.items():
        lead, error = fit.lead(team, "Baltimore")
        assert lead == pytest.approx(published, abs=0.006)
        assert 0.32 < error < 0.36


def test_of_two_the_strength_is_the_odds_and_the_error_is_known() -> None:
    fit = strengths([choice("ab", "a")] * 30 + [choice("ab", "b")] * 10, prior=ALMOST_NONE)
    lead, error = fit.lead("a", "b")
    assert lead == pytest.approx(log(3), abs=1e-5)
    assert error == pytest.approx(sqrt(1 / 30 + 1 / 10), abs=1e-4)


def test_a_tie_is_half_a_win_for_each() -> None:
    tied = strengths([choice("ab", "ab")] * 4 + [choice("ab", "a")] * 2)
    halves = strengths([choice("ab", "a")] * 4 + [choice("ab", "b")] * 2)
    assert tied.logs == pytest.approx(halves.logs)


def test_a_choice_among_many_counts_once() -> None:
    """One of three that are chosen equally often: its log odds are known with the error of 60 choices, not of 120."""
    fit = strengths([choice("abc", each) for each in "abc" for _ in range(20)], prior=ALMOST_NONE)
    lead, error = fit.lead("a", "b")
    assert lead == pytest.approx(0, abs=1e-6)
    assert error == pytest.approx(sqrt(1 / 20 + 1 / 20), abs=1e-4)


def test_who_always_wins_is_strong_but_not_certain_and_wins_narrow_the_interval() -> None:
    few, many = (strengths([choice("ab", "a")] * n).wins("a") for n in (3, 300))
    assert 0.5 < few.value < many.value < many.high < 1
    assert few.low < 0.5 < many.low


def test_where_there_is_much_the_interval_is_the_normal_one() -> None:
    fit = strengths([choice("ab", "a")] * 6_000 + [choice("ab", "b")] * 4_000)
    at = fit.names.index("a")
    far = 1.96 * sqrt(fit.covariance[at][at])
    assert fit.bounds[at] == pytest.approx((fit.logs[at] - far, fit.logs[at] + far), rel=0.05)


def test_who_never_met_can_still_be_told_and_nobody_is_nothing() -> None:
    fit = strengths([choice("ab", "a")] * 5 + [choice("cd", "c")] * 5)
    assert fit.wins("a") == fit.wins("c")
    assert strengths([]).names == ()
    assert strengths([choice("a", "a"), choice("ab", "")]).names == ()
    with pytest.raises(ValueError, match="prior"):
        strengths([choice("ab", "a")], prior=0)


def test_far_apart_is_still_fitted() -> None:
    fit = strengths([choice("ab", "a")] * 100_000 + [choice("ab", "b")], prior=ALMOST_NONE)
    assert fit.lead("a", "b")[0] == pytest.approx(log(100_000), abs=0.01)


def test_a_share_has_the_interval_of_wilson() -> None:
    """8 of 10 in Newcombe (1998), Statistics in Medicine 17: 0.4902 to 0.9433 by the score method."""
    found = share_interval(8, 10)
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.4902, 0.8, 0.9433), abs=1e-4)
    assert share_interval(0, 0) is None
