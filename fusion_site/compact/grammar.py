"""JSON schemas as the grammars that llama.cpp constrains its output by."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from llama_cpp.llama_grammar import json_schema_to_gbnf

from fusion_site.compact.failures import HostFailure, bad_request

ANY_OBJECT = {"type": "object"}
# The converter lets raw line breaks and other control characters into strings; JSON (RFC 8259, section 7) does not.
LOOSE_CHARACTERS = '[^"\\\\]'
STRICT_CHARACTERS = '[^"\\\\\\x7F\\x00-\\x1F]'
# The converter writes "up to n characters" as n optional ones within each other, of which llama.cpp takes only few; this it
# takes up to 2,000 times, more than which it refuses.
_NESTED_CHARACTERS = re.compile(r"(?:\(char ?)+(?:\)\?)+")


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
    grammar: str = json_schema_to_gbnf(schema)
    counted = _NESTED_CHARACTERS.sub(lambda nest: f"char{{0,{nest[0].count('(')}}}", grammar)
    return counted.replace(LOOSE_CHARACTERS, STRICT_CHARACTERS)
