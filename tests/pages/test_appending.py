"""What is sent of a block that is being written: its newest words and elements, which make it the whole block."""

from __future__ import annotations

import random

import pytest

from fusion_site.pages.markdown import render
from fusion_site.runs.live.appending import changes
from fusion_site.runs.live.fragments import Touched, growth
from fusion_site.runs.live.showing import ShownText
from tests.runs.page_dom import Page, read

LAST = ">:last-child"


@pytest.mark.parametrize(
    ("before", "after", "path", "words"),
    [
        ("<p>foo</p>\n", "<p>foo bar</p>\n", LAST, " bar"),
        ("<p>x <strong>bar</strong></p>", "<p>x <strong>bar</strong> baz</p>", LAST, " baz"),
        ("<ul>\n<li>a</li>\n</ul>", "<ul>\n<li>ab</li>\n</ul>", LAST * 2, "b"),
        ("<p>a</p>", "<p>a<em>b</em></p>", LAST, "<em>b</em>"),
        ("<ul><li>a</li></ul>", "<ul><li>a</li><li>b</li></ul>", LAST, "<li>b</li>"),
        ("<p>1 &lt; 2</p>", "<p>1 &lt; 23</p>", LAST, "3"),
    ],
)
def test_new_words_are_sent_alone(before: str, after: str, path: str, words: str) -> None:
    assert changes(before, after) == [("beforeend", path, words, "div")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "<p>a"),
        ("<p>a *b</p>", "<p>a <em>b</em></p>"),
        ("<p>a</p>", "<h3>a</h3>"),
        ("<p>a</p><p>b</p>", "<p>c</p><p>b</p>"),
        ("<p>a &amp;lt</p>", "<p>a &lt;</p>"),
    ],
)
def test_whatever_else_is_new_is_sent_as_a_whole(before: str, after: str) -> None:
    assert changes(before, after) is None


def test_an_item_that_goes_on_and_the_next_one_are_sent_one_after_the_other() -> None:
    before, after = "<ul>\n<li>a</li>\n</ul>", "<ul>\n<li>a b</li>\n<li>c</li>\n</ul>"
    item, whole = changes(before, after) or []
    assert item[:3] == ("beforeend", LAST * 2, " b")
    assert (whole.path, whole.html.strip()) == (LAST, "<li>c</li>")


def test_a_row_that_is_written_gives_way_to_the_row_with_more_words() -> None:
    before = "<table><tbody><tr><td>a</td></tr><tr><td>b</td><td></td></tr></tbody></table>"
    after = "<table><tbody><tr><td>a</td></tr><tr><td>b c</td><td></td></tr></tbody></table>"
    assert changes(before, after) == [
        ("delete", LAST * 3, "", "div"),
        ("beforeend", LAST, "<tbody><tr><td>b c</td><td></td></tr></tbody>", "table"),
    ]


def test_a_formula_gives_way_as_a_whole() -> None:
    before, after = "<p><math><mi>a</mi></math></p>", "<p><math><mi>a</mi><mi>b</mi></math></p>"
    assert [step.how for step in changes(before, after) or []] == ["delete", "beforeend"]


def test_what_turns_out_to_be_a_block_of_its_own_is_taken_away() -> None:
    assert changes("<ul><li>a</li></ul><p>b</p>", "<ul><li>a</li></ul>") == [("delete", LAST, "", "div")]


def test_of_what_is_the_same_nothing_is_sent() -> None:
    assert changes("<p>a</p>", "<p>a</p>") == []


TEXT = """# One *title*

A paragraph with **strong words**, `code`, a [link](https://example.org/a "a title") and $a^2 + b$ in it,
over two lines\\
and a third.

- first **item**
  - nested `one`
  - nested two

  with a paragraph
- second

1. one
2. two
   > quoted *in* it

| a | b | c |
| --- | :-: | --- |
| one | **two** | three |
| 1 | | `3` |

```python
def fill(rows, size=500):
    \"\"\"Fill them,
    in batches.\"\"\"
    return rows  # all
```

> A quote
> goes on

$$
x = 1
$$

[a]: https://example.org

~~~
plain < code
~~~
The end."""


@pytest.mark.parametrize("seed", range(12))
def test_a_page_that_takes_what_is_new_shows_what_a_page_shows_that_takes_all(seed: int) -> None:
    chance = random.Random(seed)
    page, shown = Page('<div id="text-0-0"></div>'), ShownText("text-0-0")
    shown.show("", version=1, is_closed=False)
    at = 0
    while not shown.is_closed:
        at += chance.randint(1, 3 if seed % 2 else 40)
        touched = Touched(texts={"a"})
        touched.grown["a"] = shown.show(TEXT[:at], version=1, is_closed=at >= len(TEXT))
        page.take(growth({"a": shown}, touched))
        whole = "".join([*shown.blocks, shown.open_html])
        body = page.find("text-0-0")
        assert body is not None
        alike = "".join(child.shown() for block in body.elements() for child in block.elements())
        assert alike == "".join(child.shown() for child in read(whole).elements()), (
            seed,
            at,
            TEXT[:at][-60:],
        )
    assert whole == "".join(map(str, shown.blocks))
    assert read(whole).text().split() == read(render(TEXT)).text().split()


def test_long_code_and_tables_are_not_sent_again_at_every_word() -> None:
    code = "```python\n" + "    total = total + row.amount  # all of them\n" * 40 + "```\n"
    table = "| a | b | c |\n| --- | --- | --- |\n" + "| some words | more | and more words |\n" * 40
    for text in (code, table):
        shown, sent = ShownText("text-0-0"), 0
        shown.show("", version=1, is_closed=False)
        for at in range(20, len(text) + 20, 20):
            touched = Touched(texts={"a"})
            touched.grown["a"] = shown.show(text[:at], version=1, is_closed=at >= len(text))
            sent = max(sent, len(growth({"a": shown}, touched)) if at > 200 else 0)
        assert sent < 400
