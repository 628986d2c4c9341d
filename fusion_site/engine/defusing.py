"""Untrusted text made fit for a prompt: anonymous, free of invisible characters and of the prompt's own marks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from fusion_site.engine.settings import Member

# Turns and specials of the chat templates of Llama, Mistral, Gemma, Qwen, DeepSeek, Phi and GLM, which a server that
# reads specials in content would take for turns of the conversation. White space is bounded, as time must be.
_TURNS = re.compile(
    r"<[|｜][^|｜<>\n]{1,40}[|｜]>"
    r"|<\s{0,4}/?\s{0,4}(?:start_of_turn|end_of_turn|bos|eos|s|sop|think)\s{0,4}>"
    r"|<<\s{0,4}/?\s{0,4}SYS\s{0,4}>>"
    r"|\[\s{0,4}/?\s{0,4}(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|gMASK)\s{0,4}\]",
    re.IGNORECASE,
)
# Look-alikes of our own delimiters.
_FENCES = re.compile(
    r"<<[^<>\n]{0,80}>>"
    r"|<<\s{0,4}(?:/|end\b)?\s{0,4}(?:candidate|question|criteria|needs|conversation|analysis|wishes|reason)\b",
    re.IGNORECASE,
)
_DEFUSED = str.maketrans({"<": "‹", "[": "⟦"})
# Controls (but tab and newline), surrogates without their other half, the characters that hide or reorder text (soft
# hyphen, zero width space, word joiners, bidi marks and overrides, byte-order mark) and the tag block, which carries
# unseen words. The joiners that emoji and several scripts are written with stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_OTHER_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85]")
_LINE_ENDS_IN_JSON = str.maketrans({"\u2028": r"\u2028", "\u2029": r"\u2029", "\x85": r"\u0085"})
_VENDOR = r"[A-Z][\w-]*(?: (?:AI|Cloud|DeepMind|Research|Labs))?"
_ASSISTANT = (
    r"(?:an? )?(?:large |open )?(?:AI|artificial intelligence|language)(?: language)?(?: model| assistant)?"
)
_MADE_BY = rf"(?:developed|created|trained|made|built) by {_VENDOR}[,.]?\s*"
_SELF_NAMING = re.compile(
    rf"\b(?:[Aa]s {_ASSISTANT},? {_MADE_BY}"
    rf"|(?:I am|I'm|I’m|My name is) (?:(?:{_ASSISTANT}|[A-Z][\w.-]*(?:, {_ASSISTANT})?),? )?{_MADE_BY})"
)


def names_of(members: Iterable[Member], question: str) -> list[str]:
    """Give the names by which an answer would tell which member wrote it, the longest first.

    A name that the question uses too is not among them: there it is what the answers are about. Names of up to three
    characters are left out, since they would be found in ordinary words.
    """
    asked = question.casefold()
    names = {
        name
        for member in members
        for name in (member.label, member.model.model, member.model.model.rsplit("/", 1)[-1])
        if len(name) > 3 and name.casefold() not in asked
    }
    return sorted(names, key=lambda name: (-len(name), name))


def anonymous(text: str, names: Sequence[str]) -> str:
    """Give the text without the sentences and names by which a model gives itself away."""
    text = _SELF_NAMING.sub("", text)
    folded = text.casefold()
    for name in names:
        # Most names are nowhere, which is seen much faster in this way: a text may be of a megabyte.
        if name.casefold() in folded:
            text = _naming(name).sub("this assistant", text)
    return text


def _naming(name: str) -> re.Pattern[str]:
    """A name made of letters alone may be an ordinary word, so it is one only where it begins with a capital."""
    found, flags = re.escape(name), re.IGNORECASE
    if name.isalpha():
        found, flags = f"(?:{name[0].upper()}{name[1:]}|{name.upper()})", re.NOFLAG
    # The bounds are ASCII ones: languages without spaces write a name right between their own letters.
    return re.compile(rf"(?<![0-9A-Za-z_]){found}(?![0-9A-Za-z_])", flags)


def printable(text: str) -> str:
    """Give the text without characters that nobody can see, and with plain line ends: what any database takes."""
    return _UNSEEN.sub("", _OTHER_LINE_ENDS.sub("\n", text))


def harmless(text: str) -> str:
    """Give the printable text with everything in it that looks like a prompt's own marks defused."""
    text = printable(text)
    for marks in (_TURNS, _FENCES):
        text = marks.sub(lambda mark: mark[0].translate(_DEFUSED), text)
    return text


def fenced(kind: str, nonce: str, content: object, letter: str = "") -> str:
    """Put data between delimiters that nobody could guess, as one JSON value, which cannot contain a line break."""
    tag = f"{kind} {nonce} {letter}".rstrip()
    data = json.dumps(content, ensure_ascii=False).translate(_LINE_ENDS_IN_JSON)
    return f"<<{tag}>>\n{data}\n<<end {tag}>>"
