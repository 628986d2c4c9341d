"""Which models are of one family: trained by the same people on much the same texts, and wrong in the same ways."""

from __future__ import annotations

import re

# What a model's name begins with, or has behind a mark, wherever it is offered and whoever made the copy.
_STEMS = {
    "gpt": "openai",
    "chatgpt": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "gemma": "google",
    "deepseek": "deepseek",
    "llama": "meta",
    "qwen": "qwen",
    "qwq": "qwen",
    "mistral": "mistral",
    "mixtral": "mistral",
    "magistral": "mistral",
    "ministral": "mistral",
    "codestral": "mistral",
    "devstral": "mistral",
    "grok": "xai",
    "kimi": "moonshot",
    "phi": "microsoft",
    "glm": "zai",
    "command": "cohere",
    "nova": "amazon",
    "granite": "ibm",
}
_VENDORS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "deepseek": "deepseek",
    "deepseek-ai": "deepseek",
    "meta-llama": "meta",
    "qwen": "qwen",
    "mistralai": "mistral",
    "x-ai": "xai",
    "moonshotai": "moonshot",
    "microsoft": "microsoft",
    "z-ai": "zai",
    "thudm": "zai",
    "cohere": "cohere",
    "amazon": "amazon",
    "ibm-granite": "ibm",
}
_MARKS = re.compile(r"[^a-z0-9]+")
_VERSION = re.compile(r"(?<=[a-z])\d+$")


def family_of(model: str) -> str:
    """Give the family of a model by its id: that of a known vendor, else of a known name in it, else its own vendor.

    A name counts wherever it stands as a word, so that `bartowski/Qwen2.5-7B-GGUF` is of Qwen's family; the first known
    one decides. A model of which nothing is known is a family of its own.
    """
    vendor, _, name = model.casefold().rpartition("/")
    vendor = vendor.rpartition("/")[2].lstrip("~")
    if vendor in _VENDORS:
        return _VENDORS[vendor]
    words = _MARKS.split(name)
    known = (_STEMS.get(word) or _STEMS.get(_VERSION.sub("", word)) for word in words)
    return next((family for family in known if family), vendor or name)
