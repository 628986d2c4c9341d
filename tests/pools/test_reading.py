"""Values from forms and from JSON are checked alike, and all complaints come at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fusion_site.pools import invalid
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import Reading


def said(reading: Reading) -> dict[str, list[str]]:
    """Give what a reading complains of."""
    try:
        reading.finish()
    except Invalid as error:
        return error.fields
    return {}


def test_every_complaint_comes_at_once_and_names_its_path() -> None:
    reading = Reading({"name": " ", "members": [{"params": {"temperature": "hot"}}, {"params": 3}]})
    reading.line("name", longest=10, required=True)
    for member in reading.each("members", most=2):
        member.inside("params").number("temperature", low=0, high=2)
    assert said(reading) == {
        "name": [invalid.REQUIRED],
        "members.0.params.temperature": [invalid.NOT_A_NUMBER],
        "members.1.params": [invalid.NOT_AN_OBJECT],
    }


@pytest.mark.parametrize("blank", [None, "", "  ", "\n"])
def test_null_and_blank_mean_the_default(blank: object) -> None:
    reading = Reading({"x": blank})
    assert reading.number("x", low=0, high=1, default=0.5) == 0.5
    assert reading.whole("x", low=0, high=1, default=1) == 1
    assert reading.flag("x", default=True) is True
    assert reading.choice("x", ["a"], default="a") == "a"
    assert reading.money("x") is None
    assert reading.line("absent", longest=1) == ""
    assert not said(reading)


@pytest.mark.parametrize("value", [0.25, "0.25", " 0.25 "])
def test_a_number_may_be_typed(value: object) -> None:
    assert Reading({"x": value}).number("x", low=0, high=1) == 0.25


@pytest.mark.parametrize("value", ["x", "1,5", True, [], {}, "nan", float("nan"), float("inf"), "1e999"])
def test_what_is_no_number_is_refused(value: object) -> None:
    reading = Reading({"x": value})
    assert reading.number("x", low=0, high=1) is None
    assert said(reading) == {"x": [invalid.NOT_A_NUMBER]}


@pytest.mark.parametrize(
    ("value", "is_kept"), [(0, False), (0.1, True), (1, True), (1.1, False), (-1, False)]
)
def test_ranges_hold_at_their_ends(value: float, is_kept: bool) -> None:
    reading = Reading({"x": value})
    assert reading.number("x", low=0, high=1, above=True) == (value if is_kept else None)
    assert said(reading) == ({} if is_kept else {"x": ["Must be more than 0 and at most 1."]})


@pytest.mark.parametrize(
    ("value", "found"),
    [(3, 3), ("3", 3), (3.0, 3), (3.5, None), ("3.5", None), (True, None), ("²", None), ("9" * 5000, None)],
)
def test_whole_numbers(value: object, found: int | None) -> None:
    reading = Reading({"x": value})
    assert reading.whole("x", low=0, high=9) == found
    assert bool(said(reading)) is (found is None)


@pytest.mark.parametrize(
    ("value", "found"),
    [("0.5", Decimal("0.5")), (0, Decimal(0)), (0.1, Decimal("0.1")), ("2.50", Decimal("2.50"))],
)
def test_money_is_exact(value: object, found: Decimal) -> None:
    assert Reading({"x": value}).money("x") == found


@pytest.mark.parametrize("value", ["-1", "1e9", "free", "0.0000001", "NaN", "1E+30", True, "1000000"])
def test_money_that_cannot_be_kept_is_refused(value: object) -> None:
    reading = Reading({"x": value})
    reading.money("x")
    assert list(said(reading)) == ["x"]


@pytest.mark.parametrize(
    ("value", "found"), [(True, True), (False, False), ("1", True), ("0", False), ("on", True)]
)
def test_flags(value: object, found: bool) -> None:
    assert Reading({"x": value}).flag("x", default=not found) is found


@pytest.mark.parametrize("value", ["yes!", 1, 0, []])
def test_what_is_no_flag_is_refused(value: object) -> None:
    reading = Reading({"x": value})
    reading.flag("x", default=False)
    assert said(reading) == {"x": [invalid.NOT_A_FLAG]}


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b"])
def test_text_that_no_database_keeps_is_refused(bad: str) -> None:
    reading = Reading({"x": bad, "y": [bad]})
    reading.text("x", longest=10)
    reading.lines("y", most=1, longest=10)
    assert said(reading)["x"] == [invalid.UNSTORABLE]
    assert "y" in said(reading)


def test_text_keeps_its_shape_and_a_line_does_not() -> None:
    reading = Reading({"text": "  a\r\nb  ", "line": "  a b  ", "bad": "a\nb", "long": "abcd"})
    assert reading.text("text", longest=99) == "  a\nb  "
    assert reading.line("line", longest=99) == "a b"
    reading.line("bad", longest=99)
    reading.line("long", longest=3)
    assert set(said(reading)) == {"bad", "long"}


def test_unknown_fields_are_slips() -> None:
    reading = Reading({"temprature": 1, "seed": 2})
    reading.only(["temperature", "seed"])
    assert said(reading) == {"temprature": [invalid.UNKNOWN_FIELD]}


@pytest.mark.parametrize("value", ["text", [1], [{}, {}, {}], {"a": 1}])
def test_lists_of_objects_are_nothing_else_and_no_longer(value: Any) -> None:
    reading = Reading({"x": value})
    assert reading.each("x", most=2) == []
    assert list(said(reading)) == ["x"]


def test_lines_come_from_a_list_or_from_text() -> None:
    assert Reading({"x": "END\n\nStop"}).lines("x", most=2, longest=9) == ["END", "Stop"]
    assert Reading({"x": ["END", "Stop"]}).lines("x", most=2, longest=9) == ["END", "Stop"]
    reading = Reading({"x": ["a", "b", "c"], "y": [1], "z": ["too long"]})
    for name in ("x", "y", "z"):
        reading.lines(name, most=2, longest=3)
    assert set(said(reading)) == {"x", "y", "z"}
