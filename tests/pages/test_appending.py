"""What is sent of an open block that only grows: its new words, which put where they belong make the whole block."""

from __future__ import annotations

import pytest

from fusion_site.runs.live.appending import appended


@pytest.mark.parametrize(
    ("before", "after", "path", "words"),
    [
        ("<p>foo</p>\n", "<p>foo bar</p>\n", ">p:last-child", " bar"),
        ("<p>x <strong>bar</strong></p>", "<p>x <strong>bar</strong> baz</p>", ">p:last-child", " baz"),
        ("<ul>\n<li>a</li>\n</ul>", "<ul>\n<li>ab</li>\n</ul>", ">ul:last-child>li:last-child", "b"),
        ("<p>a</p>", "<p>a<em>b</em></p>", ">p:last-child", "<em>b</em>"),
        ("<ul><li>a</li></ul>", "<ul><li>a</li><li>b</li></ul>", ">ul:last-child", "<li>b</li>"),
        ("<p>1 &lt; 2</p>", "<p>1 &lt; 23</p>", ">p:last-child", "3"),
    ],
)
def test_new_words_are_sent_alone(before: str, after: str, path: str, words: str) -> None:
    assert appended(before, after) == [(path, words)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "<p>a</p>"),
        ("<p>a *b</p>", "<p>a <em>b</em></p>"),
        ("<p>a</p>", "<h3>a</h3>"),
        ("<ul>\n<li>a</li>\n</ul>", "<ul>\n<li>b</li>\n</ul>"),
        ("<table><tbody><tr></tr></tbody></table>", "<table><tbody><tr></tr><tr></tr></tbody></table>"),
        ("<p>a &amp;lt</p>", "<p>a &lt;</p>"),
    ],
)
def test_whatever_else_is_new_is_sent_as_a_whole(before: str, after: str) -> None:
    assert appended(before, after) is None


def test_an_item_that_goes_on_and_the_next_one_are_sent_one_after_the_other() -> None:
    before, after = "<ul>\n<li>a</li>\n</ul>", "<ul>\n<li>a b</li>\n<li>c</li>\n</ul>"
    item, whole = appended(before, after) or []
    assert item == (">ul:last-child>li:last-child", " b")
    assert (whole[0], whole[1].strip()) == (">ul:last-child", "<li>c</li>")


def test_of_what_is_the_same_nothing_is_sent() -> None:
    assert appended("<p>a</p>", "<p>a</p>") == []
