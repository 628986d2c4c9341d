"""Markdown documents for the tests: one rich by hand, and as many random ones as wanted."""

from __future__ import annotations

import random

RICH = r"""Setext heading
==============

# Plan *for* the `migration`

A paragraph with **strong**, _emphasis_, ~~deleted~~, `code` and a [link](https://example.org/a?b=1&c=2 "title").
Its second line costs $5 and $6, holds $a_1 < b^2$ and \(x \in S\), and ends hard\
here.
## Steps
1. First

   with a paragraph
2. Second
   - nested
   - list

     ```python
     def f(x: int) -> str:

         return "<b>"
     ```
10) another list
11) of another kind

> quoted
lazy line
> > deeper

> a second quote

| left | right | none |
|:-----|------:|------|
| `a|b` | 2 | 3 |
| x | $y$ |

text | like | a table
not one

~~~
unclosed ``` inside

  stays
~~~
```js
let a = `x`;

// - not a list
# not a heading
```
After the fence without a blank line
$$
\begin{aligned} a &= b \\
- c &= d \end{aligned}
$$
directly after maths, and $$E = mc^2$$ inside.

\[
x = \frac{1}{2}
\]

$$
a = b

that was never closed

    indented code

    goes on after a blank line

***
- a
- b
* other list
+ third list

para
- interrupts

2. does not interrupt
<div>raw html</div>

<script>alert(1)</script>

Last line without an end"""

PIECES = [
    "word",
    "two words",
    "- item",
    "* item",
    "+ item",
    "1. one",
    "2. two",
    "7) seven",
    "# heading",
    "## heading ##",
    "===",
    "---",
    "***",
    "```",
    "```py",
    "````",
    "~~~",
    "> quote",
    ">",
    "> - item",
    "> ```",
    "- ```",
    "- # h",
    "-",
    "    code",
    "  two spaces",
    "   three",
    "\ttab",
    "| a | b |",
    "a | b",
    "|---|---|",
    "--|--",
    ":-:|-",
    "$$",
    "$$ x",
    "x $$",
    "$$y$$",
    r"\[",
    r"\]",
    r"\[ \begin{cases} a",
    r"z \]",
    "> $$",
    "- $$",
    "**bold",
    "bold**",
    "`tick",
    "*emph* and $m$",
    "[a]: https://example.org",
    "[a]",
    "<b>",
    "\\",
    "  ",
    "10. ten",
    "    1. deep",
    "      - deeper",
]


def random_document(seed: int) -> str:
    """Up to 25 lines, each a piece of block syntax with a little indentation, in an order nobody would write."""
    chance = random.Random(seed)
    lines: list[str] = []
    for _ in range(chance.randint(1, 25)):
        if chance.random() < 0.3:
            lines.append("")
        else:
            lines.append(" " * chance.choice([0, 0, 0, 0, 1, 2, 3, 4, 6]) + chance.choice(PIECES))
    return "\n".join(lines) + chance.choice(["", "\n", "\n\n"])


def split_at_random(text: str, seed: int, longest: int = 12) -> list[str]:
    """`text` in pieces of 0 to `longest` characters."""
    chance = random.Random(seed)
    pieces: list[str] = []
    place = 0
    while place < len(text):
        size = chance.randint(0, longest)
        pieces.append(text[place : place + size])
        place += size
    return pieces
