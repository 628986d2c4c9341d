"""A text fed in pieces gives the same page as the whole text, each block once, with work that grows with the text."""

from __future__ import annotations

import html
import random
import re

import pytest

from fusion_site.pages import blocks
from fusion_site.pages.blocks import BlockStream
from fusion_site.pages.markdown import MAX_CHARS, Block, outline, render
from tests.pages.documents import RICH, random_document, split_at_random


def fed(pieces: list[str]) -> list[str]:
    stream = BlockStream()
    closed = [block for piece in pieces for block in stream.feed(piece)]
    return closed + stream.close()


def visible(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.parametrize("seed", range(40))
def test_the_rich_document_is_the_same_however_it_is_split(seed: int) -> None:
    out = fed(split_at_random(RICH, seed, longest=1 + seed))
    assert "".join(out) == render(RICH)
    assert out == fed([RICH])
    assert len(out) > 20


def test_random_documents_are_the_same_however_they_are_split() -> None:
    for seed in range(800):
        text = random_document(seed)
        out = fed(split_at_random(text, seed))
        assert "".join(out) == render(text), seed
        assert out == fed(list(text)), seed


def test_at_every_moment_closed_and_open_show_all_that_came() -> None:
    for seed in range(40):
        text = random_document(seed)
        stream = BlockStream()
        closed = ""
        for number, sign in enumerate(text, start=1):
            closed += "".join(stream.feed(sign))
            assert visible(closed + stream.open_html()) == visible(render(text[:number])), (seed, number)


def test_a_block_is_closed_by_the_line_that_ends_it() -> None:
    stream = BlockStream()
    assert stream.feed("# Title\n") == ["<h3>Title</h3>\n"]
    assert stream.feed("some text") == []
    assert stream.open_html() == "<p>some text</p>\n"
    assert stream.feed("\n\n") == ["<p>some text</p>\n"]
    assert stream.open_html() == ""
    assert stream.feed("next") == []
    assert stream.close() == ["<p>next</p>\n"]
    assert stream.close() == []


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        (["```py\n", "x = 1\n", "\n", "# no heading\n", "``\n", "~~~\n", "    ```\n"], "```\n"),
        (["- a\n", "\n", "- b\n", "\n", "  c\n", "\n"], "end\n"),
        (["1. a\n", "\n", "   - b\n", "lazy\n"], "# end\n"),
        (["| a | b |\n", "|---|---|\n", "| c | d |\n", "e\n"], "\n"),
        (["$$\n", "a = b\n", "# c\n", "- d\n"], "$$\n"),
        (["    code\n", "\n", "    more\n"], "end\n"),
        (["> a\n", "lazy\n", "> - b\n"], "\n"),
    ],
    ids=["fence", "list", "ordered", "table", "maths", "indented", "quote"],
)
def test_a_block_stays_open_until_it_is_really_closed(parts: list[str], end: str) -> None:
    stream = BlockStream()
    for part in parts:
        assert stream.feed(part) == []
        assert stream.open_html()
    assert stream.feed(end)[0] == render("".join(parts) + (end if end in ("```\n", "$$\n") else ""))


def test_maths_that_never_closes_ends_at_a_blank_line() -> None:
    out = fed(["$$\na = b\n\n", "text"])
    assert out == ['<pre class="source" tabindex="0"><code>$$\na = b</code></pre>\n', "<p>text</p>\n"]


def test_an_unclosed_fence_ends_with_the_text() -> None:
    assert fed(["~~~js\nlet a\n", "\n", "b"]) == [render("~~~js\nlet a\n\nb")]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_of_all_kinds_even_when_cut_in_two(end: str) -> None:
    text = f"# a{end}{end}b{end}c{end}```{end}d{end}"
    assert "".join(fed(list(text))) == "".join(fed([text])) == render(text)


def test_a_closed_text_takes_no_more() -> None:
    stream = BlockStream()
    stream.close()
    with pytest.raises(RuntimeError):
        stream.feed("x")


def hostile_texts() -> dict[str, str]:
    chance = random.Random(1)
    return {
        "fence": "```\n" + "".join(f"{'# ' * (n % 3)}line {n}\n\n" for n in range(3_000)),
        "backticks in a fence": "````\n" + "```\n" * 10_000,
        "list": "".join(f"- item {n}\n\n" for n in range(3_500)),
        "lazy list": "- a\n" + "".join(f"{chance.choice('#>`$ab')}lazy\n" for _ in range(7_000)),
        "numbers": "".join(f"{n}. item\n   # x\n" for n in range(3_000)),
        "indented": "    code\n\n" * 4_000,
        "paragraph": "".join(f"{'ab-|:'[n % 5]}\\words\n" for n in range(5_000)),
        "table": "|a|b|\n|-|-|\n" + "|c|d|\n" * 6_000,
        "quotes": "> a\n" * 8_000 + "> > b\n" * 2_000,
        "one line": "word " * 9_000,
        "maths": "$$\n" + "a = b\n" * 6_000,
    }


@pytest.mark.parametrize("name", hostile_texts())
def test_looking_for_ends_reads_each_character_a_bounded_number_of_times(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def counted(lines: list[str]) -> list[Block]:
        nonlocal read
        read += sum(map(len, lines))
        return outline(lines)

    monkeypatch.setattr(blocks, "outline", counted)
    monkeypatch.setattr(blocks, "render", lambda text: text)
    text = hostile_texts()[name]
    fed(split_at_random(text, 1, longest=30))
    assert read <= (blocks.LOOKS + 1) * len(text) + blocks.LOOKS_TO_START


@pytest.mark.parametrize("name", hostile_texts())
def test_showing_the_open_block_after_every_piece_draws_a_bounded_number_of_characters(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0

    def counted(text: str) -> str:
        nonlocal drawn
        drawn += len(text)
        return text

    monkeypatch.setattr(blocks, "render", counted)
    monkeypatch.setattr(blocks, "plain", counted)
    stream = BlockStream()
    text = hostile_texts()[name]
    for piece in split_at_random(text, 1, longest=30):
        stream.feed(piece)
        stream.open_html()
    # Below 8,000 characters an open block is drawn at each piece (of 15 on average), above by growth of an eighth.
    assert drawn <= (blocks.EXACT / 2 / 15) * min(len(text), blocks.EXACT) * 1.2 + 12 * len(text)


def test_a_text_over_the_limit_is_still_shown_block_by_block() -> None:
    words = " ".join(["some words"] * 20)
    times = 2 + MAX_CHARS // len(words)
    assert fed([f"{words}\n\n" * times]) == [f"<p>{words}</p>\n"] * times
