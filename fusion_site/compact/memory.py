"""What the working memory of a model costs."""

from __future__ import annotations

from fusion_site.compact import native

HALF_FLOAT = 2


def bytes_per_token(model: int) -> int:
    """Bytes that one token takes in the cache: a key and a value of every key-value head in every layer, 16 bits each."""
    heads: int = native.model_kv_heads(model)
    layers: int = native.model_layers(model)
    architecture = native.text_of(lambda *buffer: native.model_meta(model, b"general.architecture", *buffer))
    plain = native.model_width(model) // max(1, native.model_heads(model))
    key = _number(model, f"{architecture}.attention.key_length") or plain
    value = _number(model, f"{architecture}.attention.value_length") or plain
    return max(
        1, (key + value) * heads * layers * HALF_FLOAT
    )  # a recurrent model has no heads and no such cache


def _number(model: int, key: str) -> int:
    text = native.text_of(lambda *buffer: native.model_meta(model, key.encode(), *buffer))
    return int(text) if text.isdigit() else 0
