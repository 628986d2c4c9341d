"""Forms become plain data and back without losing what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from fusion_site.pools.drafts import Field, Fields, draft_of, rearranged


def post(*pairs: tuple[str, str]) -> QueryDict:
    """Give what a form sends."""
    sent = QueryDict(mutable=True)
    for name, value in pairs:
        sent.appendlist(name, value)
    return sent


def test_paths_become_objects_and_lists_in_the_order_of_their_numbers() -> None:
    sent = post(
        ("csrfmiddlewaretoken", "x"),
        ("do", "save"),
        ("name", "Pair"),
        ("members.10.model", "k"),
        ("members.2.model", "c"),
        ("members.2.params.seed", "7"),
    )
    assert draft_of(sent) == {
        "name": "Pair",
        "members": [{"model": "c", "params": {"seed": "7"}}, {"model": "k"}],
    }


def test_a_ticked_box_wins_over_the_hidden_input_before_it() -> None:
    assert draft_of(post(("a", "0"), ("a", "1"), ("b", "0"))) == {"a": "1", "b": "0"}


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "1"), ("a.b", "2")],
        [("a.b", "2"), ("a", "1")],
        [("a..b", "1"), (".", "1"), ("", "1")],
        [("a.b.c.d.e", "1")],
        [("a.999999999999.b", "1")],
    ],
)
def test_hostile_paths_do_no_harm(pairs: list[tuple[str, str]]) -> None:
    draft = draft_of(post(*pairs))
    assert len(str(draft)) < 100


@pytest.mark.parametrize(
    ("do", "names", "focus"),
    [
        ("add", "abcN", 3),
        ("up.1", "bac", 0),
        ("down.1", "acb", 2),
        ("up.0", "abc", 0),
        ("down.2", "abc", 2),
        ("remove.1", "ac", 1),
        ("remove.2", "ab", 1),
        ("remove.7", "abc", 2),
        ("nonsense", "abc", 2),
        ("up.-1", "abc", 2),
    ],
)
def test_rows_are_rearranged(do: str, names: str, focus: int) -> None:
    rows: list[dict[str, Any]] = [{"name": name} for name in "abc"]
    found, at = rearranged(rows, do, {"name": "N"}, most=4)
    assert ("".join(row["name"] for row in found), at) == (names, focus)
    assert [row["name"] for row in rows] == ["a", "b", "c"]


def test_no_row_is_added_past_the_most() -> None:
    assert rearranged([{}, {}], "add", {}, most=2)[0] == [{}, {}]


def test_inputs_show_what_was_typed_beside_what_is_wrong() -> None:
    draft = {
        "name": "x",
        "grace": 2.0,
        "members": [{"model": "m", "params": {"temperature": "hot", "stop": ["a", "b"]}}],
    }
    form = Fields(draft, {"members.0.params.temperature": ["Enter a number."]})
    field = form["members"][0]["params"]["temperature"]
    assert isinstance(field, Field)
    assert (field.name, field.id, field.value) == (
        "members.0.params.temperature",
        "id_members_0_params_temperature",
        "hot",
    )
    assert field.errors == ["Enter a number."]
    assert form["grace"].value == "2"
    assert form["members"][0]["params"]["stop"].value == "a\nb"
    assert form["criteria"] == []
    assert form["absent"].value == ""
