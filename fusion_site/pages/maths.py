r"""Maths in markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, set as MathML.

Both rules decide from what stands behind them and at most one line ahead, and a block ends at its closing mark
or at a blank line (which LaTeX forbids inside a display). So a text that is still being written never changes
what came before, and no opening mark costs a search through the whole text.
"""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from fusion_site.pages.characters import shown

MAX_SOURCE = 4_000
MAX_DEPTH = 40
CLOSERS = {"$$": "$$", "$": "$", r"\[": r"\]", r"\(": r"\)"}

_OPENS_BLOCK = re.compile(r"(\$\$|\\\[)[ \t]*(\\begin\{.*)?$")
_MACROS = re.compile(r"\\(?:(?:re|provide)?newcommand|newenvironment|DeclareMathOperator|[egx]?def|let)\b")
# Environments that the converter does not know, by the nearest one that it does.
_ENVIRONMENTS = {"aligned": "align*", "gathered": "align*", "gather": "align*", "gather*": "align*"}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(aligned|gathered|gather\*?|equation\*?|displaymath)\}")


def add_maths(parser: MarkdownIt) -> None:
    """Teach `parser` the four ways to write maths; tokens are `math` (inline) and `math_block`."""
    parser.inline.ruler.before("escape", "math", _inline_rule)
    parser.block.ruler.before(
        "fence", "math_block", _block_rule, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def mathml(source: str, *, display: bool) -> str | None:
    """The LaTeX `source` as a `<math>` element, or None where it cannot be set.

    None for more than 4,000 characters, braces nested deeper than 40, macro definitions (which can grow without
    bound) and everything the converter refuses. The element is not yet sanitised.
    """
    if len(source) > MAX_SOURCE or _depth(source) > MAX_DEPTH or _MACROS.search(source):
        return None
    try:
        element = convert_to_element(_known_environments(source), display="block" if display else "inline")
    except (
        Exception
    ):  # The converter has no common error class: bad LaTeX ends in IndexError, KeyError, its own…
        return None
    _decode_references(element)
    return tostring(element, encoding="unicode")


def _depth(source: str) -> int:
    deepest = depth = 0
    for mark in re.findall(r"[{}^_]|\\left|\\right|\\begin|\\end", source):
        depth += 1 if mark in ("{", "\\left", "\\begin") else -1 if mark in ("}", "\\right", "\\end") else 0
        deepest = max(deepest, depth)
    return max(deepest, *(len(run) for run in re.findall(r"[\^_]{2,}", source)), 0)


def _known_environments(source: str) -> str:
    def replace(found: re.Match[str]) -> str:
        name = _ENVIRONMENTS.get(found[2])
        return rf"\{found[1]}{{{name}}}" if name else ""

    return _ENVIRONMENT.sub(replace, source)


def _decode_references(element: Element) -> None:
    """Turn the converter's `&#x…;` notes into characters, so that serialising escapes what must be escaped."""
    for node in element.iter():
        if node.text:
            node.text = shown(html.unescape(node.text))


def _inline_rule(state: StateInline, silent: bool) -> bool:
    mark = _opening_mark(state.src, state.pos)
    end = _closing_place(state.src, state.pos + len(mark), state.posMax, mark) if mark else -1
    if end < 0:
        return False
    if not silent:
        token = state.push("math", "math", 0)
        token.content = state.src[state.pos + len(mark) : end]
        token.markup = mark
    state.pos = end + len(mark)
    return True


def _opening_mark(source: str, place: int) -> str:
    for mark in CLOSERS:
        if source.startswith(mark, place):
            break
    else:
        return ""
    if mark == "$":
        before, after = source[place - 1 : place], source[place + 1 : place + 2]
        return "" if before.isalnum() or before == "$" or not after.strip() else mark
    return mark


def _closing_place(source: str, start: int, limit: int, mark: str) -> int:
    """Where the closing mark stands, or -1; for a single dollar, prices such as "$5 and $6" are no maths."""
    limit = min(limit, start + MAX_SOURCE)
    end = source.find(CLOSERS[mark], start, limit)
    while mark == "$" and end > 0 and source[end - 1] == "\\":
        end = source.find("$", end + 1, limit)
    if end <= start:
        return -1
    if mark == "$" and (source[end - 1].isspace() or source[end + 1 : end + 2].isalnum()):
        return -1
    return end


def _block_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    opening = None if state.is_code_block(start) else _OPENS_BLOCK.match(_line(state, start))
    closer = CLOSERS[opening[1]] if opening else ""
    if not opening or closer in (opening[2] or ""):
        return False
    if silent:
        return True
    lines, after, closed = _block_lines(state, start + 1, end, closer)
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = "\n".join([opening[2] or "", *lines])
    token.markup = opening[1]
    token.map = [start, after]
    token.meta = {"closed": closed}
    state.line = after
    return True


def _block_lines(state: StateBlock, first: int, end: int, closer: str) -> tuple[list[str], int, bool]:
    """The lines of the block without its marks, the line after it, and whether it was really closed."""
    lines: list[str] = []
    for number in range(first, end):
        line = _line(state, number).rstrip()
        if not line or state.sCount[number] < state.blkIndent:
            return lines, number, False
        body = line.rstrip(".,;")
        if body.endswith(closer):
            lines.append(body.removesuffix(closer) + line[len(body) :])
            return lines, number + 1, True
        lines.append(line)
    return lines, end, False


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
