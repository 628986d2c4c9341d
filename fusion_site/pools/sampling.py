"""How a member writes: which sampling settings there are, their ranges, and the engine's form of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_site.engine.asking import Sampling
from fusion_site.pools.reading import Reading

# Ranges as the chat-completions APIs document them (OpenAI's reference; top_k and min_p: OpenRouter's and llama.cpp's).
EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh"]
NAMES = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "seed",
    "stop",
    "reasoning_effort",
)
MOST_TOKENS = 1_000_000
_MOST_TOP_K = 100_000
_MOST_SEED = 2**53 - 1  # the largest that every JSON reader keeps exactly (RFC 8259 section 6)
_MOST_STOPS, _LONGEST_STOP = 4, 100


def read_params(reading: Reading) -> dict[str, Any]:
    """Give the settings that were given and may be kept; what is absent or null is left to the server."""
    reading.only(NAMES)
    found: dict[str, Any] = {
        "temperature": reading.number("temperature", low=0, high=2),
        "top_p": reading.number("top_p", low=0, high=1, above=True),
        "top_k": reading.whole("top_k", low=0, high=_MOST_TOP_K),
        "min_p": reading.number("min_p", low=0, high=1),
        "presence_penalty": reading.number("presence_penalty", low=-2, high=2),
        "frequency_penalty": reading.number("frequency_penalty", low=-2, high=2),
        "max_tokens": reading.whole("max_tokens", low=1, high=MOST_TOKENS),
        "seed": reading.whole("seed", low=0, high=_MOST_SEED),
        "stop": reading.lines("stop", most=_MOST_STOPS, longest=_LONGEST_STOP),
        "reasoning_effort": reading.choice("reasoning_effort", EFFORTS),
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def sampling_of(params: Mapping[str, Any]) -> Sampling:
    """Give stored settings as the engine takes them."""
    return Sampling(**{**params, "stop": tuple(params.get("stop", ()))})
