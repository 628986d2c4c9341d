"""How strong each of several contenders is, from choices among them: Bradley and Terry's model, with its intervals.

Of a pair, one is chosen with the odds of their strengths (Bradley and Terry 1952); of more, each with its share of all
strengths (Luce 1959; Hunter 2004, section 5), so that a choice among four counts once and not three times. A tie gives
each of those tied an equal part of the choice: of a pair, a half.

Strengths are logarithms, fitted by Newton's method. `prior` counts as so many drawn comparisons of each contender with
one of strength 0 before the mean is taken off: it keeps who won every time from being infinitely strong, and those who never met comparable.

The standard error of a lead is the usual one, from the inverse of the observed Fisher information. The interval of a
strength ends where the likelihood has fallen by what 95 % allow, on the way on which the others give way as they do at
the fit. It need not lie evenly around the strength: of somebody who won 300 times of 300 it is known well that they are
not weak, and badly how strong they are, which the normal interval would take for knowing nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, log1p, sqrt
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

# The 97.5th percentile of the standard normal distribution: an interval holds the truth 95 times of 100.
Z95 = 1.959964
_MOST_ROUNDS = 60
_LONGEST_STEP = 2.0
_CLOSE_ENOUGH = 1e-10
# By how much the log likelihood falls to the end of an interval: half of a chi squared of one degree.
_FALL = Z95 * Z95 / 2
_FARTHEST = 40.0
_HALVINGS = 24
# Beyond this a double cannot hold the exponential.
_HUGE = 700.0

Matrix = list[list[float]]
# Who could be chosen, who was, and how often.
Tallied = Sequence[tuple[list[int], list[int], float]]


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One choice among `among`, of which those in `chosen` were best; several are tied."""

    among: frozenset[T]
    chosen: frozenset[T]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    low: float
    value: float
    high: float


@dataclass(frozen=True, slots=True)
class Strengths(Generic[T]):
    """The fit, as differences from the mean. All are in the order of `names`; `bounds` are the ends of `logs`."""

    names: tuple[T, ...]
    logs: tuple[float, ...]
    covariance: Matrix
    bounds: tuple[tuple[float, float], ...]

    def wins(self, name: T) -> Interval:
        """Give how probably it is chosen over a contender of middling strength, from 0 to 1."""
        at = self.names.index(name)
        low, high = self.bounds[at]
        return Interval(_logistic(low), _logistic(self.logs[at]), _logistic(high))

    def lead(self, one: T, other: T) -> tuple[float, float]:
        """Give by how much one is stronger than another, as a logarithm of odds, and the standard error of that."""
        i, j = self.names.index(one), self.names.index(other)
        spread = self.covariance[i][i] + self.covariance[j][j] - 2 * self.covariance[i][j]
        return self.logs[i] - self.logs[j], sqrt(spread)


def strengths(choices: Iterable[Choice[T]], *, prior: float = 1.0) -> Strengths[T]:
    """Fit the strengths of everybody who could be chosen. Raises ValueError where `prior` is not above 0."""
    if prior <= 0:
        raise ValueError("without a prior, nobody who won every time has a strength")
    counted = Counter(choice for choice in choices if len(choice.among) > 1 and choice.chosen)
    names = tuple(sorted({name for choice in counted for name in choice.among}, key=str))
    place = {name: at for at, name in enumerate(names)}
    tallied = [
        ([place[name] for name in c.among], [place[name] for name in c.chosen], float(count))
        for c, count in counted.items()
    ]
    logs, spread = _fit(tallied, len(names), prior)
    covariance = _centred(spread)
    bounds = tuple(_bounds(tallied, logs, covariance[at], at, prior) for at in range(len(names)))
    middle = sum(logs) / max(1, len(logs))
    ends = tuple((low - middle, high - middle) for low, high in bounds)
    return Strengths(names, tuple(each - middle for each in logs), covariance, ends)


def _fit(tallied: Tallied, size: int, prior: float) -> tuple[list[float], Matrix]:
    logs = [0.0] * size
    covariance: Matrix = []
    for _ in range(_MOST_ROUNDS):
        slope, information = _derivatives(tallied, logs, prior)
        covariance = _inverse(information)
        step = [sum(c * s for c, s in zip(row, slope, strict=True)) for row in covariance]
        longest = max(map(abs, step), default=0.0)
        # A step that leads far away would leave the region in which the curve is told well by its tangent.
        scale = min(1.0, _LONGEST_STEP / longest) if longest else 1.0
        logs = [old + scale * each for old, each in zip(logs, step, strict=True)]
        if longest < _CLOSE_ENOUGH:
            break
    return logs, covariance


def _bounds(
    tallied: Tallied, logs: Sequence[float], spread: Sequence[float], at: int, prior: float
) -> tuple[float, float]:
    """Give the ends of one strength's interval; `spread` is its row of the covariance."""
    way = [each / spread[at] for each in spread]
    floor = _log_likelihood(tallied, logs, prior) - _FALL

    def is_inside(far: float) -> bool:
        moved = [old + far * each for old, each in zip(logs, way, strict=True)]
        return _log_likelihood(tallied, moved, prior) > floor

    first = Z95 * sqrt(spread[at])
    return logs[at] - _edge(lambda far: is_inside(-far), first), logs[at] + _edge(is_inside, first)


def _edge(is_inside: Callable[[float], bool], first: float) -> float:
    """Give the distance at which the inside ends, by halving; `first` is about where."""
    inside, outside = 0.0, first
    while outside < _FARTHEST and is_inside(outside):
        inside, outside = outside, outside * 2
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_inside(middle) else (inside, middle)
    return inside


def _log_likelihood(tallied: Tallied, logs: Sequence[float], prior: float) -> float:
    found = prior / 2 * sum(_log_logistic(each) + _log_logistic(-each) for each in logs)
    for among, chosen, count in tallied:
        highest = max(logs[at] for at in among)
        whole = highest + log(sum(exp(logs[at] - highest) for at in among))
        found += count * (sum(logs[at] for at in chosen) / len(chosen) - whole)
    return found


def _centred(covariance: Matrix) -> Matrix:
    """Give the covariance of the differences from the mean: by how much all are stronger, no choice tells."""
    size = len(covariance)
    means = [sum(row) / size for row in covariance]
    middle = sum(means) / size if size else 0.0
    return [
        [value - means[at] - means[other] + middle for other, value in enumerate(row)]
        for at, row in enumerate(covariance)
    ]


def _derivatives(tallied: Tallied, logs: Sequence[float], prior: float) -> tuple[list[float], Matrix]:
    """Give the slope of the log likelihood, and minus its curvature, which is the information."""
    slope = [prior * (0.5 - _logistic(each)) for each in logs]
    information = [[0.0] * len(logs) for _ in logs]
    for at, each in enumerate(logs):
        information[at][at] = prior * _logistic(each) * _logistic(-each)
    for among, chosen, count in tallied:
        highest = max(logs[at] for at in among)
        weights = [exp(logs[at] - highest) for at in among]
        whole = sum(weights)
        shares = [weight / whole for weight in weights]
        for at in chosen:
            slope[at] += count / len(chosen)
        for at, share in zip(among, shares, strict=True):
            slope[at] -= count * share
            information[at][at] += count * share
            row = information[at]
            for other, its in zip(among, shares, strict=True):
                row[other] -= count * share * its
    return slope, information


def _inverse(matrix: Matrix) -> Matrix:
    """Invert a symmetric positive definite matrix, by Gauss and Jordan; it needs no pivots."""
    size = len(matrix)
    rows = [[*row, *(float(at == other) for other in range(size))] for at, row in enumerate(matrix)]
    for at in range(size):
        head = rows[at][at]
        rows[at] = [value / head for value in rows[at]]
        for other in range(size):
            if other != at and (factor := rows[other][at]):
                rows[other] = [v - factor * p for v, p in zip(rows[other], rows[at], strict=True)]
    return [row[size:] for row in rows]


def _logistic(odds: float) -> float:
    """Give the probability with these odds, as a logarithm."""
    return 1 / (1 + exp(-odds)) if odds > -_HUGE else 0.0


def _log_logistic(odds: float) -> float:
    return -log1p(exp(-odds)) if odds > -_HUGE else odds


def share_interval(part: float, whole: int) -> Interval | None:
    """Give a share with its 95 % interval by Wilson (1927); None of nothing. `part` may count halves."""
    if not whole:
        return None
    share, square = part / whole, Z95 * Z95
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    far = Z95 / (1 + square / whole) * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    return Interval(max(0.0, middle - far), share, min(1.0, middle + far))
