"""A GGUF file of half a gigabyte with random weights: it computes as a model of its size does, and says nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.bench.source import ROOT
from tests.compact.gguf_model import (
    BEGIN,
    CHAT_TEMPLATE,
    CONTROL_TOKENS,
    END,
    byte_letters,
)

WIDTH, FEED_FORWARD, LAYERS, HEADS, KV_HEADS = 2048, 5632, 17, 32, 4
VOCABULARY, MERGES = 32000, 1000
BLOCK, BLOCK_BYTES = 32, 18  # Q4_0: one half float and 32 weights of four bits
SPREAD = 4.6  # the standard deviation of four bits taken evenly from -8 to 7
_WORDS = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+")
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def write_midsize_gguf(path: Path, layers: int = LAYERS) -> Path:
    """Write the model to `path` and return it. Its tokens are learned from this project's own prose."""
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_shape(writer, layers)
    _write_vocabulary(writer, learned_merges(_prose(), MERGES))
    writer.add_chat_template(CHAT_TEMPLATE)
    random = np.random.default_rng(0)
    for name, rows, columns in _matrices(layers):
        silent = END if name == "output.weight" else None
        blocks = _random_blocks(random, rows, columns, silent)
        writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType.Q4_0)
    norms = [f"blk.{layer}.{kind}_norm.weight" for layer in range(layers) for kind in ("attn", "ffn")]
    for name in [*norms, "output_norm.weight"]:
        writer.add_tensor(name, np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def learned_merges(text: str, count: int) -> list[tuple[str, str]]:
    """Give the byte pairs that a byte-level BPE joins, the most frequent first."""
    letters = byte_letters()
    found = Counter(_WORDS.findall(text))
    words = {tuple(letters[byte] for byte in word.encode()): many for word, many in found.items()}
    merges: list[tuple[str, str]] = []
    for _ in range(count):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, many in words.items():
            for pair in pairwise(word):
                pairs[pair] += many
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = {_joined(word, best): many for word, many in words.items()}
    return merges


def _joined(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    if pair[0] not in word:
        return word
    joined: list[str] = []
    for piece in word:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def _prose() -> str:
    files = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "fusion_site/engine/prompts.py"]
    return "\n".join(file.read_text() for file in files)


def _write_shape(writer: gguf.GGUFWriter, layers: int) -> None:
    writer.add_name("midsize")
    writer.add_block_count(layers)
    writer.add_context_length(8192)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)


def _write_vocabulary(writer: gguf.GGUFWriter, merges: list[tuple[str, str]]) -> None:
    tokens = [*byte_letters(), *CONTROL_TOKENS, *dict.fromkeys(left + right for left, right in merges)]
    tokens += [f"Ġfiller{number}" for number in range(VOCABULARY - len(tokens))]
    control = range(BEGIN, BEGIN + len(CONTROL_TOKENS))
    kinds = [gguf.TokenType.CONTROL if at in control else gguf.TokenType.NORMAL for at in range(len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)


def _matrices(layers: int) -> Iterator[tuple[str, int, int]]:
    """Name, rows and columns of every matrix."""
    yield "token_embd.weight", VOCABULARY, WIDTH
    yield "output.weight", VOCABULARY, WIDTH
    for layer in range(layers):
        block = f"blk.{layer}."
        for name, rows, columns in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH // HEADS * KV_HEADS, WIDTH),
            ("attn_v", WIDTH // HEADS * KV_HEADS, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", FEED_FORWARD, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ):
            yield f"{block}{name}.weight", rows, columns


def _random_blocks(random: np.random.Generator, rows: int, columns: int, silent: int | None) -> Bytes:
    """Random Q4_0 blocks whose products keep the size of what goes in; all weights of a `silent` row are 0."""
    blocks = random.integers(0, 256, (rows, columns // BLOCK, BLOCK_BYTES), np.uint8)
    scale = np.array([1 / (SPREAD * np.sqrt(columns))], np.float16)
    blocks[:, :, :2] = scale.view(np.uint8)
    if silent is not None:
        blocks[silent, :, :2] = 0
    return blocks.reshape(rows, -1)
