"""Code blocks, coloured by classes alone (the page's policy allows no inline style)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from markdown_it.common.utils import escapeHtml
from pygments import format as draw
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, Token, _TokenType

MAX_CODE = 10_000
# Several lexers look at all the rest of the text for each token (C# took 48 s for 20,000 hostile characters).
# The thread's own time is counted, so that a busy machine does not take the colours from honest code.
MAX_CPU_S = 0.25
_FORMATTER = HtmlFormatter(nowrap=True)
# The classes of tokens that static/css/code.css colours. All others are sent without an element of their own: that is half of
# what highlighted code would be.
_COLOURED = """
    c ch cm cp cpf c1 cs sd gu ge k kc kd kn kp kr ow nt nf fm nc nd ne nn na nl gh kt nb bp no nv vc vg vi vm
    s sa sb sc dl s2 se sh si sx sr s1 ss ld gi m mb mf mh mi il mo gd gr gt gs gp
"""
COLOURED = frozenset(_COLOURED.split())
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

# The languages that people ask models for; any other word after a fence is shown uncoloured.
_KNOWN = """
    bash c console cpp c++ cs csharp css diff docker dockerfile elixir erlang go graphql haskell html http ini java
    javascript js json jsx julia kotlin latex lua make makefile nginx objc ocaml perl php postgresql powershell
    py python pytb r rb ruby rs rust scala sh shell sql swift tex toml ts tsx typescript xml yaml yml
"""
LANGUAGES = frozenset(_KNOWN.split())


def code_block(code: str, info: str = "") -> str:
    """`code` as `<pre class="code"><code>…`, with Pygments classes where `info` starts with a known language.

    It can be focused, so that wide code is scrolled by keyboard too. Code of more than 10,000 characters, or that would take longer than a quarter of a second, stays uncoloured.
    """
    language = (info.split() or [""])[0].lower()
    if language not in LANGUAGES:
        return f'<pre class="code" tabindex="0"><code>{escapeHtml(code)}</code></pre>\n'
    coloured = f'<code class="language-{_class(language)}">{_coloured(code, language)}</code>'
    return f'<pre class="code" tabindex="0">{coloured}</pre>\n'


def language_classes() -> set[str]:
    """The classes that `code_block` may put on a `<code>` element."""
    return {f"language-{_class(name)}" for name in LANGUAGES}


def _class(language: str) -> str:
    return language.replace("+", "p")


def _coloured(code: str, language: str) -> str:
    if len(code) > MAX_CODE:
        return escapeHtml(code)
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    try:
        drawn = draw(list(_in_time(lexer.get_tokens(code))), _FORMATTER)
    except _TooSlowError:
        return escapeHtml(code)
    # Each line is an element, so that a page on which code is being written need not be sent all of it at every word.
    return "".join(f"<span>{line}</span>" for line in _LINE.findall(drawn))


class _TooSlowError(Exception):
    """Colouring this code took more time than it is worth."""


def _in_time(tokens: Iterable[tuple[_TokenType, str]]) -> Iterator[tuple[_TokenType, str]]:
    end = time.thread_time() + MAX_CPU_S
    for token in tokens:
        if time.thread_time() > end:
            raise _TooSlowError
        yield token if STANDARD_TYPES.get(token[0]) in COLOURED else (Token.Text, token[1])
