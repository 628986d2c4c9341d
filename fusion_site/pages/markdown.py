"""Markdown from strangers (models, mostly) as HTML that is safe on every page.

Headings start at `<h3>`, below the page's own. Reference links (`[a]: https://…`) are off, because a definition
at the end of a text would change what was already sent; raw HTML and images are off because they are not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table as table_rule
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from fusion_site.pages.characters import shown
from fusion_site.pages.cleaning import clean
from fusion_site.pages.highlight import code_block
from fusion_site.pages.maths import CLOSERS, add_maths, mathml

MAX_CHARS = 200_000
MAX_NESTING = 30
MAX_COLUMNS = 30
# Two tokens for each character is more than any text needs; only tables whose cells are left out get there.
TOKENS_PER_CHAR = 2

# Whole quotes are far shorter; what is longer is cut rather than parsed again at every look.
MAX_WORDS = 4_000
_WORDY = {"code_inline", "code_block", "fence"}
_MATHS = {"math", "math_block"}
_SIGN = re.compile(r"\\([a-z]+)")
_SIGNS = {
    "times": "×",
    "cdot": "·",
    "div": "÷",
    "pm": "±",
    "le": "≤",
    "leq": "≤",
    "ge": "≥",
    "geq": "≥",
    "ne": "≠",
    "neq": "≠",
    "approx": "≈",
    "to": "→",
}
# Marks whose other half stands outside of what was cut out.
_HALF_MARKS = re.compile(r"(?<!\S)(?:\*\*|~~|`)(?=\S)|(?<=\S)(?:\*\*|~~|`)(?!\S)")

_LINK = re.compile(r"(?:https?://|mailto:)[^\s\\]", re.IGNORECASE)
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}


class _TooMuchError(ValueError):
    """The text is nested too deeply or would grow too much; it is shown as it was written."""


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block: its first line, the line after it, and whether more lines could still join it."""

    first: int
    after: int
    kind: str
    marker: str
    open: bool


def render(text: str) -> str:
    """The markdown `text` as sanitised HTML; the same text always gives the same HTML.

    Text of more than 200,000 characters, or nested deeper than 30, is shown as written in `<pre class="plain">`.
    Costs about 2 ms for each 1,000 characters: long texts belong in a thread.
    """
    if len(text) > MAX_CHARS:
        return plain(text)
    try:
        return clean(_PARSER.render(text))
    except _TooMuchError:
        return plain(text)


def plain(text: str) -> str:
    """`text` exactly as it was written, in `<pre class="plain">`."""
    return f'<pre class="plain">{escapeHtml(shown(text))}</pre>\n'


@lru_cache(maxsize=2048)
def plain_words(text: str) -> str:
    """A short piece of markdown as one line of plain words: what it says without its marks, also where it is cut out of more."""
    try:
        tokens = _PARSER.parse(text[:MAX_WORDS])
    except _TooMuchError:
        return shown(text)
    line = " ".join("".join(map(_words, _all_tokens(tokens))).split())
    return line.strip("| ") or shown(text)


def _words(token: Token) -> str:
    if token.type == "text":
        return _HALF_MARKS.sub("", token.content)
    if token.type in _MATHS:
        return _SIGN.sub(lambda name: _SIGNS.get(name[1], name[0]), token.content)
    if token.type in _WORDY:
        return token.content
    return " " if token.block or token.type.endswith("break") else ""


def outline(lines: Sequence[str]) -> list[Block]:
    """The top-level blocks of a text given as lines with their ends, in order.

    All but the last are final: no line that follows can change them. The last is final when it is not `open`.
    """
    tokens = _OUTLINER.parse("".join(lines))
    return [_block(token, lines) for token in tokens if token.level == 0 and token.nesting >= 0]


def _block(token: Token, lines: Sequence[str]) -> Block:
    first, after = token.map or [0, len(lines)]
    kind = token.type.removesuffix("_open")
    if kind in ("heading", "hr"):
        still_open = False
    elif kind == "fence":
        still_open = not _closes_fence(lines[first + 1 : after], token.markup)
    elif kind == "math_block":
        still_open = not token.meta["closed"] and after >= len(lines)
    else:
        # A blank line ends all but these, whose next paragraph, item or line may still come.
        still_open = kind in ("bullet_list", "ordered_list", "code_block") or after >= len(lines)
    return Block(first, after, kind, token.markup, still_open)


def _closes_fence(body: Sequence[str], markup: str) -> bool:
    return bool(body) and re.fullmatch(rf" {{0,3}}{markup}{markup[0]}*[ \t]*\n?", body[-1]) is not None


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The library's rule, for tables of up to 30 columns: it adds missing cells, so a wide one grows without end."""
    if start + 2 > end:
        return False
    delimiters = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]]
    return delimiters.count("|") <= MAX_COLUMNS and table_rule(state, start, end, silent)


def _limit(state: StateCore) -> None:
    tokens = state.tokens
    if len(tokens) > TOKENS_PER_CHAR * len(state.src) + 100:
        raise _TooMuchError
    if any(token.level >= MAX_NESTING - 1 for token in tokens):
        raise _TooMuchError


def _show_safely(state: StateCore) -> None:
    for token in _all_tokens(state.tokens):
        token.content = shown(token.content)
        for name, value in token.attrs.items():
            token.attrs[name] = shown(str(value))


def _all_tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


class _Html(RendererHTML):
    """How tokens become HTML where the library's own way does not fit our pages."""

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{_HEADINGS[tokens[idx].tag]}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_HEADINGS[tokens[idx].tag]}>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="table" role="group" aria-label="Table" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<th{_alignment(tokens[idx])}>"

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<td{_alignment(tokens[idx])}>"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return code_block(tokens[idx].content, tokens[idx].info)

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return code_block(tokens[idx].content)

    def math(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        source = f"{token.markup}{token.content}{CLOSERS[token.markup]}"
        display = token.markup in ("$$", r"\[")
        return mathml(token.content, display=display) or f"<code>{escapeHtml(source)}</code>"

    def math_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        closer = CLOSERS[token.markup] if token.meta["closed"] else ""
        drawn = mathml(token.content, display=True) if closer else None
        source = f"{token.markup}{token.content}{closer}"
        return (
            f"<p>{drawn}</p>\n"
            if drawn
            else f'<pre class="source" tabindex="0"><code>{escapeHtml(source)}</code></pre>\n'
        )


def _alignment(cell: Token) -> str:
    side = str(cell.attrs.get("style", "")).removeprefix("text-align:")
    return f' class="align-{side}"' if side else ""


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING}, renderer_cls=_Html)
    parser.enable(["table", "strikethrough"]).disable(["image", "html_inline", "html_block", "reference"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.after("block", "limit", _limit)
    parser.core.ruler.push("show_safely", _show_safely)
    parser.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]
    add_maths(parser)
    return parser


def _outliner() -> MarkdownIt:
    parser = _parser()
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


_PARSER = _parser()
_OUTLINER = _outliner()
