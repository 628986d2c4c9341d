"""The model's vocabulary: text to tokens, tokens to bytes."""

from __future__ import annotations

import ctypes
from functools import lru_cache

from fusion_site.compact import native

ANCHOR = "\x1f"  # a unit separator: no vocabulary has a longer piece with it, so nothing merges across it


class Vocabulary:
    """Tokenises and detokenises for one loaded model; read-only after load, so any thread may use it."""

    def __init__(self, model: int) -> None:
        self.handle: int = native.model_vocabulary(model)
        self.size: int = native.vocabulary_size(self.handle)
        self.begin = self._text(native.vocabulary_begin(self.handle))
        self.end = self._text(native.vocabulary_end(self.handle))
        self._begin_token: int = native.vocabulary_begin(self.handle)
        self._adds_begin: bool = native.vocabulary_adds_begin(self.handle)
        self._prefixes_space = self._has_space_prefix()
        self.piece = lru_cache(maxsize=65536)(self._piece)
        self.is_end = lru_cache(maxsize=65536)(self._is_end)

    def plain(self, text: str, *, joined: bool) -> list[int]:
        """Tokens of text from outside: whatever it says, it never becomes a control token.

        `joined` says that ordinary text stands right before it, so that no word-start space may be added.
        """
        return self._joined(text, special=False) if joined else self._tokenize(text, special=False)

    def template(self, text: str, *, joined: bool) -> list[int]:
        """Tokens of text from the model's own chat template, its control tokens recognised."""
        return self._joined(text, special=True) if joined else self._tokenize(text, special=True)

    def opened(self, tokens: list[int]) -> list[int]:
        """The prompt with the begin token that the model expects, exactly once."""
        if not self._adds_begin or tokens[:1] == [self._begin_token]:
            return tokens
        return [self._begin_token, *tokens]

    def can_end(self) -> bool:
        """Whether the model has a token by which an answer ends."""
        return bool(native.vocabulary_end(self.handle) >= 0)

    def first_piece(self, token: int) -> bytes:
        """The bytes of an answer's first token, without the space that word-start pieces carry."""
        piece = self.piece(token)
        return piece.removeprefix(b" ") if self._prefixes_space else piece

    def _piece(self, token: int) -> bytes:
        """The bytes that `token` stands for; control tokens stand for none."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            written: int = native.token_piece(self.handle, token, buffer, size, 0, False)
            if written >= 0:
                return buffer.raw[:written]
            size = -written

    def _is_end(self, token: int) -> bool:
        return bool(native.token_ends(self.handle, token))

    def _joined(self, text: str, *, special: bool) -> list[int]:
        """Tokens without the space that some tokenizers put before any text: it goes before an anchor instead."""
        if not self._prefixes_space or not text:
            return self._tokenize(text, special=special)
        anchor = self._tokenize(ANCHOR, special=False)
        return self._tokenize(ANCHOR + text, special=special)[len(anchor) :]

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        # Lone surrogates, which JSON can carry, have no UTF-8 form.
        data = text.encode("utf-8", "replace")
        if not data:
            return []
        room = len(data) + 8
        while True:
            tokens = (native.Token * room)()
            count: int = native.tokenize(self.handle, data, len(data), tokens, room, False, special)
            if count >= 0:
                return tokens[:count]
            room = -count

    def _has_space_prefix(self) -> bool:
        """Whether this tokenizer puts a space before a text that starts a word, as SentencePiece models do."""
        if native.vocabulary_type(self.handle) != native.SPM:
            return False
        return len(self._tokenize(ANCHOR, special=False)) > 1

    def _text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes | None = native.vocabulary_text(self.handle, token)
        return (text or b"").decode("utf-8", "replace")
