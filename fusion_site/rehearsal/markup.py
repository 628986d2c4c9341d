"""The markdown parts that scripted texts are made of."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence

from fusion_site.rehearsal.reading import Prompt

LABEL = "*rehearsal: scripted, no AI*"

_LANGUAGES = (
    (
        "sql",
        r"\b(sql|database|table|tables|postgres\w*|sqlite|mysql|query|queries|migration|rows?|schema|index)\b",
    ),
    ("js", r"\b(javascript|typescript|node|react|browser|css|html|web ?page|frontend|front-end)\b"),
    ("sh", r"\b(server|deploy\w*|linux|docker|kubernetes|bash|shell|backup|restart|disk)\b"),
)


def document(*parts: str) -> str:
    """Put parts together with empty lines between them and, at the end, the line that says what wrote this."""
    return "\n\n".join([*(part.strip("\n") for part in parts if part), LABEL])


def bullets(lines: Iterable[str]) -> str:
    """A bulleted list."""
    return "\n".join(f"- {line}" for line in lines)


def numbered(lines: Iterable[str]) -> str:
    """A numbered list."""
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells may hold any text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines
    )


def fence(language: str, code: str) -> str:
    """A fenced block of code, which holds no fence of its own."""
    return f"```{language}\n{code.strip()}\n```"


def identifier(topic: str) -> str:
    """A topic as a name in code."""
    name = re.sub(r"\W+", "_", topic.lower()).strip("_") or "item"
    return f"the_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def language_of(prompt: Prompt) -> str:
    """The language in which an example fits the prompt best."""
    found = (name for name, words in _LANGUAGES if re.search(words, prompt.text, re.IGNORECASE))
    return next(found, "python")


def example(prompt: Prompt) -> str:
    """A few lines of code about the first two topics of the prompt."""
    first, second = prompt.topics[:2]
    one, two = identifier(first), identifier(second)
    language = language_of(prompt)
    code = {
        "sql": f"-- Is anything of {first} left without {second}?\n"
        f"SELECT count(*) AS every_row,\n       count(*) FILTER (WHERE {two} IS NULL) AS missing\nFROM {one};",
        "js": f"// True when nothing of {first} is left open.\n"
        f"const isReady = ({one}, done) => {one}.every((part) => done.has(part));\n"
        f'console.log(isReady(["{two}"], new Set(["{two}"])));',
        "sh": f"# Stop at the first sign that {first} is not ready.\nset -eu\n"
        f'test -s "{one}.list" || {{ echo "nothing to do"; exit 1; }}\ngrep -c "{two}" "{one}.list"',
        "python": f"def is_ready({one}: list[str], done: set[str]) -> bool:\n"
        f'    """Whether nothing of {first} is left open."""\n    return all(part in done for part in {one})\n\n'
        f'assert is_ready(["{two}"], done={{"{two}"}})',
    }[language]
    return fence(language, code)
