"""Prompt templates: what may stand in one, and what comes of it."""

from __future__ import annotations

import pytest

from fusion_site.pools.invalid import Invalid
from fusion_site.pools.prompting import fault_in, fill_template, variables_in


@pytest.mark.parametrize(
    "template", ["", "plain", "{{a}} {{ b_2 }} {{prompt}}", '{"a": {"b": 1}}', "a }} b", "{ {{x}} }"]
)
def test_good_templates(template: str) -> None:
    assert fault_in(template) is None


@pytest.mark.parametrize(
    "template",
    ["fine\n{{", "ok\n{{two words}}", "x\n{{1st}}", "\n{{a}", "\n{{}}", "\n{{a.b}}", "\n{{a {{b}}"],
)
def test_braces_that_open_no_variable_are_named_by_line(template: str) -> None:
    assert (fault_in(template) or "").startswith("Line 2:")


def test_variables_stand_once_in_order_and_without_the_prompt() -> None:
    assert variables_in("{{b}} {{prompt}} {{ a }} {{b}}") == ["b", "a"]


def test_the_prompt_goes_where_it_stands_or_after() -> None:
    assert fill_template("Review {{ prompt }} now", "this", {}) == "Review this now"
    assert fill_template("Be brief.\n", "Why?", {}) == "Be brief.\n\nWhy?"
    assert fill_template("", "Why?", {}) == "Why?"


def test_values_are_text_and_no_templates() -> None:
    filled = fill_template(
        "{{a}} {{b}} {{prompt}}", r"{{a}} \1", {"a": "{{b}}", "b": "{{prompt}}", "other": "x"}
    )
    assert filled == r"{{b}} {{prompt}} {{a}} \1"


def test_missing_values_are_named() -> None:
    with pytest.raises(Invalid) as caught:
        fill_template("{{topic}} for {{audience}}", "x", {"topic": " "})
    assert caught.value.fields == {"variables": ["Give a value for topic.", "Give a value for audience."]}


def test_the_prompt_cannot_be_overwritten_by_a_variable_of_its_name() -> None:
    assert fill_template("{{prompt}}", "mine", {"prompt": "theirs"}) == "mine"
