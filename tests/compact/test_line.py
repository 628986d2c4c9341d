"""Who comes next among those who wait: parties in turn, and nobody behind what another asked before."""

from __future__ import annotations

from typing import cast

from fusion_site.compact.generation import Generation
from fusion_site.compact.line import REMEMBERED, Line
from fusion_site.compact.sampling import Sampler


def ask(party: str) -> Generation:
    return Generation([1], 1, cast("Sampler", None), party=party)


def joined(line: Line, parties: str) -> list[Generation]:
    asks = [ask(party) for party in parties]
    for each in asks:
        line.join(each)
    return asks


def served(line: Line, many: int) -> str:
    """Seat so many, and give their parties."""
    names = ""
    for _ in range(many):
        first = next(iter(line))
        line.serve(first)
        names += first.party
    return names


def test_parties_take_turns_and_each_keeps_its_order() -> None:
    line = Line()
    asks = joined(line, "aaabbc")
    assert [each.party for each in line] == list("abcaba")
    assert [each for each in line if each.party == "a"] == asks[:3]
    assert served(line, 6) == "abcaba"
    assert len(line) == 0


def test_who_asks_for_the_first_time_is_next() -> None:
    line = Line()
    joined(line, "a" * 200)
    assert served(line, 4) == "aaaa"
    joined(line, "b")
    assert served(line, 3) == "baa"


def test_who_always_asks_again_takes_no_more_than_its_turns() -> None:
    line = Line()
    joined(line, "aaaa")
    order = ""
    for _ in range(6):
        joined(line, "b")
        order += served(line, 1)
    assert order == "ababab"


def test_who_leaves_loses_no_turn_by_it() -> None:
    line = Line()
    asks = joined(line, "aaaabb")
    for each in asks[:3]:
        assert line.leave(each)
        assert not line.leave(each)
    assert [each.party for each in line] == list("abb")
    assert len(line) == 3


def test_it_remembers_only_so_many() -> None:
    line = Line()
    for number in range(REMEMBERED + 10):
        line.join(ask(str(number)))
        served(line, 1)
    joined(line, "x")
    line.join(ask("5"))  # forgotten, so as good as new
    line.join(ask(str(REMEMBERED)))
    assert [each.party for each in line] == ["x", "5", str(REMEMBERED)]
