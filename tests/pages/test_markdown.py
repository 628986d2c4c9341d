"""What `render` shows of a stranger's text, and what it never lets through."""

from __future__ import annotations

import re
import time

import pytest
from django.conf import settings

from fusion_site.pages.highlight import COLOURED
from fusion_site.pages.markdown import MAX_CHARS, render
from tests.pages.documents import PIECES, random_document

TAG = re.compile(r"<(/?)([a-z0-9]+)([^>]*)>")


def tags(html: str) -> set[str]:
    return {found[2] for found in TAG.finditer(html)}


def test_headings_stand_below_the_pages_own() -> None:
    assert render("# a\n## b\n###### c") == "<h3>a</h3>\n<h4>b</h4>\n<h6>c</h6>\n"


def test_a_table_scrolls_by_itself_and_aligns_by_class() -> None:
    html = render("| a | b |\n|:--|--:|\n| 1 | ~~2~~ |")
    assert html.startswith('<div class="table" role="group" aria-label="Table" tabindex="0"><table>')
    assert '<td class="align-left">1</td>' in html
    assert '<td class="align-right"><s>2</s></td>' in html
    assert "style" not in html


def test_code_is_coloured_by_classes_alone() -> None:
    html = render('```Python title=x\ndef f(): return "<b>"\n```')
    assert (
        '<pre class="code" tabindex="0"><code class="language-python"><span><span class="k">def</span>'
        in html
    )
    assert "&lt;b&gt;" in html
    assert "style=" not in html


@pytest.mark.parametrize("info", ["", "klingon", 'python"onclick=x', "../../etc", "button primary"])
def test_code_in_an_unknown_language_stays_plain(info: str) -> None:
    assert render(f"```{info}\ndef f\n```") == '<pre class="code" tabindex="0"><code>def f\n</code></pre>\n'


def test_hostile_code_is_shown_uncoloured_instead_of_keeping_the_machine_busy() -> None:
    started = time.thread_time()
    html = render("```csharp\n" + "a\n" * 4_900 + "```")
    assert time.thread_time() - started < 5
    assert "<span" not in html
    assert html.count("a\n") == 4_900


def test_links_are_absolute_and_name_nobody() -> None:
    html = render("[x](https://example.org/?a=1&b=2) <mailto:a@example.org> [y](HTTP://example.org)")
    assert html.count('rel="noopener noreferrer nofollow"') == 3
    assert 'href="https://example.org/?a=1&amp;b=2"' in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "\\javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//example.org",
        "/runs/1",
        "runs",
        "#top",
        "?q=1",
        "https:",
        "https://",
        "http:example.org",
        " ",
        "ws://example.org",
    ],
)
def test_no_other_address_becomes_a_link(address: str) -> None:
    assert "href" not in render(f"[text]({address}) [text](<{address}>) <{address}>")


def test_images_are_never_asked_for() -> None:
    html = render("![alt](https://example.org/pixel.png) ![alt][ref]\n\n[ref]: https://example.org/b.png")
    assert "img" not in tags(html)


@pytest.mark.parametrize(
    "raw",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick='x'>b</b>",
        "<svg/onload=alert(1)>",
        "<!-- <script> -->",
        "<math><mtext></mtext><style><img src=x onerror=alert(1)></style></math>",
        "`<script>`",
        "    <script>alert(1)</script>",
        "```html\n<script>alert(1)</script>\n```",
        "# <script>alert(1)</script>",
        "| <script> |\n|---|\n| <img src=x> |",
        r"$\text{<script>alert(1)</script>}$",
        r"$\unicode{x3c}script\unicode{x3e}alert(1)$",
        r"$$\text{</math><img src=x onerror=alert(1)>}$$",
        r"$\href{javascript:alert(1)}{x}$ $\style{color:red}{x}$ $\class{button}{x}$ $\color{red}x$",
        "$<img src=x onerror=alert(1)>$",
        '[a](https://example.org/"onmouseover="alert(1)) [a](https://example.org "t\\"onclick=\\"x")',
    ],
)
def test_raw_html_is_text(raw: str) -> None:
    html = render(raw)
    assert tags(html).isdisjoint({"script", "img", "svg", "style", "b"})
    for found in TAG.finditer(html):
        assert not re.search(r"\s(on\w+|style|id|src|mathcolor)\s*=", re.sub(r'"[^"]*"', '""', found[3]))
    assert "javascript:" not in "".join(found[3] for found in TAG.finditer(html))
    assert "button" not in html.replace(r"\class{button}", "")


def test_what_was_raw_html_can_still_be_read() -> None:
    assert render("<script>alert(1)</script>") == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"
    assert "&lt;b&gt;" in render(r"$\text{<b>}$")


@pytest.mark.parametrize("entity", [False, True])
def test_characters_that_hide_or_reorder_are_not_shown(entity: bool) -> None:
    def sign(code: int) -> str:
        return f"&#{code};" if entity else chr(code)

    text = f"a{sign(0)}b {sign(0x202E)}c{sign(0x2066)} {sign(0x200F)}d {sign(0xD800)}"
    html = render(
        text
        if entity
        else f'{text} `x\u202ey` $x\u2069$\n\n```\n\x1b[0m\u202e\n```\n[t\u202e](https://e.org "\u202e")'
    )
    assert "\u202e" not in html
    assert "\u2066" not in html
    assert "a\ufffdb c \u200fd" in html
    assert "\u202e" not in render(r"$\unicode{x202e}$")
    html.encode()


def test_a_lone_surrogate_can_be_sent() -> None:
    render("a\ud800b `\udfff` $\ud800$").encode()


def test_maths_in_all_four_ways() -> None:
    html = render(r"$a<b$, \(c\), $$d$$ and \[e\]")
    assert html.count("<math") == 4
    assert html.count('display="block"') == 2
    assert "<mo>&lt;</mo>" in html


def test_aligned_maths_is_a_table_of_equations() -> None:
    html = render("$$\n\\begin{aligned}\na &= b \\\\\n- c &= d\n\\end{aligned}\n$$\nafter")
    assert html.count("<mtr>") == 2
    assert html.endswith("<p>after</p>\n")
    assert "<li>" not in html


def test_prices_are_not_maths() -> None:
    for text in ("$5 and $6", "US$5-$6 a day", "from $5/$6", r"\$5 and 6$ are $", "$ $", "$$", "$$$"):
        assert "<math" not in render(text), text


@pytest.mark.parametrize(
    "source", [r"\frac{a}", r"\end{x}", r"a^^b", r"\left(", r"\newcommand{\a}{\a\a}\a", "{" * 90]
)
def test_maths_that_cannot_be_set_is_shown_as_source(source: str) -> None:
    html = render(f"before ${source}$ after")
    assert f"<code>${source}$</code>" in html or "<math" in html
    assert "before" in html
    assert "after" in html


def test_macros_never_reach_the_converter() -> None:
    assert "<code>" in render(r"$\def\a{\b\b}\def\b{x}\a$")


@pytest.mark.parametrize(
    "text",
    [
        ">" * 10_000,
        "> " * 60 + "a",
        "+ " * 10_000,
        "\n".join(" " * (2 * depth) + "- a" for depth in range(100)),
        "|a|b|c|d|e|f|g|h\n" + "|-" * 8 + "\n" + "a\n" * 20_000,
        "a" * (MAX_CHARS + 1),
        "*a\n\n" * (MAX_CHARS // 4) + "*",
    ],
    ids=["quotes", "spaced quotes", "list marks", "nested lists", "cells left out", "too long", "too many"],
)
def test_what_goes_too_far_is_shown_as_it_was_written(text: str) -> None:
    html = render(text)
    assert html.startswith('<pre class="plain">')
    assert html.count("a") == text.count("a") + 'class="plain"'.count("a")


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "](",
        "*a_ ",
        "**a *b ",
        "`",
        "$",
        "\\(",
        "\\[",
        "$$",
        "<a:",
        "&",
        "|",
        "a\n",
        "$a ",
        "\\",
        "~",
        "- \n",
        "x^",
    ],
)
def test_hostile_repetition_takes_no_more_than_seconds(piece: str) -> None:
    started = time.thread_time()
    render(piece * (50_000 // len(piece)))
    assert time.thread_time() - started < 10


def test_a_line_of_100_000_characters_is_rendered() -> None:
    assert render("word " * 20_000).count("word") == 20_000


def test_a_table_of_too_many_columns_stays_text() -> None:
    assert "<table" not in render("|a" * 60 + "\n" + "|-" * 60 + "\n" + "|b" * 60)
    assert "<table" in render("|a" * 20 + "\n" + "|-" * 20 + "\n" + "|b" * 20)


def test_every_random_document_keeps_its_words_and_its_tags_balanced() -> None:
    for seed in range(300):
        html = render(random_document(seed))
        opened: list[str] = []
        for found in TAG.finditer(html):
            if found[2] in ("br", "hr"):
                continue
            if found[1]:
                assert opened.pop() == found[2]
            else:
                opened.append(found[2])
        assert not opened


def test_no_piece_of_a_document_is_lost() -> None:
    words = [
        word
        for piece in PIECES
        for word in re.findall(r"[a-z]{4,}", piece)
        if word not in ("begin", "cases", "https")
    ]
    html = render("\n\n".join(PIECES) + "\n\n~~~")
    for word in words:
        assert word in html


def test_no_token_of_code_has_an_element_that_is_not_coloured() -> None:
    rules = (settings.BASE_DIR / "static/css/code.css").read_text()
    coloured = " ".join(re.findall(r"\.code :is\(([^)]*)\)", rules))
    assert set(re.findall(r"\.(\w+)", coloured)) == COLOURED
    assert '<span class="p">' not in render("```python\nf()\n```")
