"""JSON schemas as the grammars that llama.cpp constrains its output by."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from llama_cpp.llama_grammar import SchemaConverter

from fusion_site.compact.failures import HostFailure, bad_request

ANY_OBJECT = {"type": "object"}
# The converter lets raw line breaks and other control characters into strings; JSON (RFC 8259, section 7) does not.
LOOSE_CHARACTERS = '[^"\\\\]'
STRICT_CHARACTERS = '[^"\\\\\\x7F\\x00-\\x1F]'
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.")
# The converter writes "up to n characters" as n optional ones within each other, of which llama.cpp takes only few; this it
# takes up to 2,000 times, more than which it refuses. What stands in quotes or brackets is the schema's own text.
_QUOTED = r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]'
_NESTED_CHARACTERS = re.compile(rf"({_QUOTED})|(?:\(char ?)+(?:\)\?)+")


def grammar_for(schema: dict[str, Any]) -> str:
    """A GBNF grammar of exactly the JSON texts that `schema` allows; an unsupported schema is a failure of the request."""
    try:
        return _convert(json.dumps(schema))
    except (
        Exception
    ) as error:  # the converter signals what it does not know by whatever exception it stumbles into
        raise unsupported(str(error)) from error


def unsupported(reason: str) -> HostFailure:
    """The schema cannot be turned into a grammar."""
    return bad_request(
        f"This JSON schema cannot be enforced here: {reason}", "response_format", "invalid_json_schema"
    )


@lru_cache(maxsize=64)
def _convert(schema: str) -> str:
    make: Any = _Converter  # the library is not typed
    converter = make(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    converter.visit(converter.resolve_refs(json.loads(schema), "schema"), "")
    grammar: str = converter.format_grammar()
    return _NESTED_CHARACTERS.sub(_counted, grammar).replace(LOOSE_CHARACTERS, STRICT_CHARACTERS)


class _Converter(SchemaConverter):
    """llama-cpp-python's, which leaves backslashes in words as they are: one with a quote made the grammar unreadable."""

    def _format_literal(self, literal: str) -> str:
        """Give a JSON text as a literal of the grammar, its characters as they are, but for those that JSON has to escape."""
        text = _ESCAPES.sub(_unescaped, literal).replace("\\", "\\\\").replace('"', '\\"')
        return '"' + text.replace("\r", "\\r").replace("\n", "\\n") + '"'


def _unescaped(found: re.Match[str]) -> str:
    """Characters that `json.dumps` escaped; controls and halves of characters stay escaped."""
    if not found[0].startswith("\\u"):
        return found[0]
    text: str = json.loads(f'"{found[0]}"')
    return text if all(char.isprintable() for char in text) else found[0]


def _counted(found: re.Match[str]) -> str:
    return found[1] or f"char{{0,{found[0].count('(')}}}"
