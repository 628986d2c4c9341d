"""Small GGUF files that the tests write themselves: a real llama-architecture model, nothing downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH = 128
LAYERS = 2
HEADS = 4
KV_HEADS = 2
FEED_FORWARD = 192
BEGIN, END, SYSTEM, USER, ASSISTANT = (256, 257, 258, 259, 260)
CONTROL_TOKENS = ("<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
WORD_STARTS = ("\u2581", "\u2581a", "a")  # SentencePiece writes a space as U+2581
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('This model knows no role ' + message['role']) }}{% endif %}"
    "<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
Weights = dict[str, "np.ndarray[Any, np.dtype[np.float32]]"]


def write_tiny_gguf(
    path: Path,
    *,
    seed: int = 0,
    context: int = 2048,
    name: str = "tiny",
    script: str | None = None,
    template: str | None = CHAT_TEMPLATE,
    sentencepiece: bool = False,
) -> Path:
    """Write a chat model of about 1.3 MB to `path` and return it.

    Without `script` its weights are random: it writes printable ASCII without ever ending, so every answer runs
    to its token limit. With `script` (two bytes of UTF-8 or more) it answers every prompt with exactly that
    text and stops; its tokens are pieces of two bytes or more, cut without regard to characters. With `sentencepiece` the
    vocabulary is of that family, which puts a space before every text; it takes no script.
    """
    phrases = unique_phrases(script.encode()) if script is not None else []
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_shape(writer, name, context)
    if sentencepiece:
        _write_sentencepiece_vocabulary(writer)
    else:
        _write_vocabulary(writer, phrases)
    _write_special_tokens(writer)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)
    for tensor, values in _weights(random, phrases, WORD_STARTS if sentencepiece else ()).items():
        writer.add_tensor(tensor, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def unique_phrases(text: bytes) -> list[bytes]:
    """Cut `text` into different phrases of at least two bytes, so that each can be a vocabulary entry of its own."""
    phrases: list[bytes] = []
    known: set[bytes] = set()
    start = 0
    for end in range(2, len(text) + 1):
        phrase = text[start:end]
        if len(phrase) >= 2 and phrase not in known:
            phrases.append(phrase)
            known.add(phrase)
            start = end
    if not phrases:
        raise ValueError("a script needs at least two bytes")
    phrases[-1] += text[start:]  # only an extension of the newest phrase is certain to be new
    return phrases


def _write_shape(writer: gguf.GGUFWriter, name: str, context: int) -> None:
    writer.add_name(name)
    writer.add_block_count(LAYERS)
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _write_vocabulary(writer: gguf.GGUFWriter, phrases: list[bytes]) -> None:
    letters = byte_letters()
    pieces = ["".join(letters[byte] for byte in phrase) for phrase in phrases]
    tokens = [*letters, *CONTROL_TOKENS, *pieces]
    control = range(len(letters), len(letters) + len(CONTROL_TOKENS))
    kinds = [gguf.TokenType.CONTROL if at in control else gguf.TokenType.NORMAL for at in range(len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    # The loader wants a merge; one of two letters that no UTF-8 text holds never applies.
    writer.add_token_merges([f"{letters[0xFE]} {letters[0xFF]}"])


def _write_sentencepiece_vocabulary(writer: gguf.GGUFWriter) -> None:
    """Bytes, control tokens, and the space alone and with a letter."""
    tokens = [*(f"<0x{byte:02X}>" for byte in range(256)), *CONTROL_TOKENS, *WORD_STARTS]
    kinds = [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.CONTROL] * len(CONTROL_TOKENS)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds + [gguf.TokenType.NORMAL] * len(WORD_STARTS))
    writer.add_add_space_prefix(True)


def _write_special_tokens(writer: gguf.GGUFWriter) -> None:
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)


def byte_letters() -> list[str]:
    """Give one printable letter per byte, as byte-level BPE writes them: itself where printable, else from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def _weights(random: np.random.Generator, phrases: list[bytes], word_starts: Sequence[str]) -> Weights:
    def matrix(rows: int, columns: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        values: np.ndarray[Any, np.dtype[np.float32]] = random.standard_normal((rows, columns), np.float32)
        return values / np.float32(np.sqrt(columns))

    size = 256 + len(CONTROL_TOKENS) + len(phrases) + len(word_starts)
    weights: Weights = {"output_norm.weight": np.ones(WIDTH, np.float32)}
    for layer in range(LAYERS):
        kv_width = WIDTH // HEADS * KV_HEADS
        block = f"blk.{layer}."
        weights[block + "attn_norm.weight"] = np.ones(WIDTH, np.float32)
        weights[block + "ffn_norm.weight"] = np.ones(WIDTH, np.float32)
        weights[block + "attn_q.weight"] = matrix(WIDTH, WIDTH) * 2
        weights[block + "attn_k.weight"] = matrix(kv_width, WIDTH) * 2
        weights[block + "attn_v.weight"] = matrix(kv_width, WIDTH)
        weights[block + "attn_output.weight"] = matrix(WIDTH, WIDTH) * 2
        weights[block + "ffn_gate.weight"] = matrix(FEED_FORWARD, WIDTH)
        weights[block + "ffn_up.weight"] = matrix(FEED_FORWARD, WIDTH)
        weights[block + "ffn_down.weight"] = matrix(WIDTH, FEED_FORWARD)
    ends = _scripted_ends(random, size, len(phrases), weights) if phrases else _printable_ends(random, size)
    return weights | ends


def _printable_ends(random: np.random.Generator, size: int) -> Weights:
    """Embedding and output rows of the random model: only printable ASCII ever scores."""
    embedding = random.standard_normal((size, WIDTH)).astype(np.float32)
    output = np.zeros((size, WIDTH), np.float32)
    output[0x20:0x7F] = random.standard_normal((0x7F - 0x20, WIDTH)) / np.sqrt(WIDTH) * 8
    return {"token_embd.weight": embedding, "output.weight": output}


def _scripted_ends(random: np.random.Generator, size: int, count: int, weights: Weights) -> Weights:
    """Embedding and output rows of a chain: any prompt token leads to phrase 0, phrase n to n + 1, the last to END.

    The layers are silenced so that only the newest token decides.
    """
    for layer in range(LAYERS):
        weights[f"blk.{layer}.attn_output.weight"][:] = 0
        weights[f"blk.{layer}.ffn_down.weight"][:] = 0
    first = size - count
    embedding = random.standard_normal((size, WIDTH)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    prompt = embedding[0].copy()
    embedding[:first] = prompt + 0.01 * embedding[:first]
    output = np.zeros((size, WIDTH), np.float32)
    output[first] = prompt
    output[first + 1 :] = embedding[first : size - 1]
    output[END] = embedding[size - 1]
    return {"token_embd.weight": embedding, "output.weight": output * 6}
