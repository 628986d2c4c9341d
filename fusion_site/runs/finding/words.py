"""Texts and queries as words, the same for both databases: without case, accents or punctuation.

Scripts that put no spaces between words are taken sign by sign, and what is typed in them is found as a phrase of these.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Of one text so many characters are indexed and searched for excerpts, and of one word so many are told apart.
LONGEST_TEXT = 200_000
LONGEST_WORD = 60
# Stands between two texts, so that no phrase reaches over; no word that is looked for is as long.
BORDER = "x" * (LONGEST_WORD + 1)
# Of a query so many terms count, and of one of them so many words.
MOST_TERMS = 12
MOST_WORDS = 24

# Han, kana, Thai, Lao, Burmese and Khmer.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"(?=[^\W_])[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")
_PLAIN = re.compile(r"[a-z0-9]+")
_TERM = re.compile(r'"([^"]*)"?(\*?)|(\S+)')


@dataclass(frozen=True)
class Word:
    """One word as it is compared, and where it stands in the text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Term:
    """Words that have to stand one behind the other; with `is_open` the last one is only how a word begins."""

    words: tuple[str, ...]
    is_open: bool = False

    def ends_at(self, words: list[str], start: int) -> int | None:
        """Give where the term ends that begins at `start` in a list of words, or None where it does not stand there."""
        *firsts, last = self.words
        end = start + len(self.words)
        found = words[start:end]
        if len(found) < len(self.words) or found[:-1] != firsts:
            return None
        return end if found[-1] == last or (self.is_open and found[-1].startswith(last)) else None


def composed(text: str) -> str:
    """Give a text in the form that words are counted in; letters and their accents are one sign where they can be."""
    return unicodedata.normalize("NFC", text[:LONGEST_TEXT])


def words_in(text: str) -> Iterator[Word]:
    """Give the words of a composed text."""
    if text.isascii():
        yield from (Word(m[0][:LONGEST_WORD], *m.span()) for m in _PLAIN.finditer(text.lower()))
        return
    for match in _WORD.finditer(text):
        if folded := _folded(match[0]):
            yield Word(folded, *match.span())


def as_words(text: str) -> list[str]:
    """Give the words of any text as they are compared."""
    return [word.text for word in words_in(composed(text))]


def _folded(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word)
    bare = "".join(sign for sign in parts if not unicodedata.combining(sign) and sign.isalnum())
    return unicodedata.normalize("NFC", bare).casefold()[:LONGEST_WORD]


def terms_of(query: str) -> tuple[Term, ...]:
    """Read what somebody typed: words, "phrases", and begin* of words. Whatever has no letter or digit in it is passed over."""
    found = (_term(*match.groups()) for match in _TERM.finditer(query))
    return tuple(term for term in found if term)[:MOST_TERMS]


def _term(phrase: str | None, star: str | None, word: str | None) -> Term | None:
    words = as_words(phrase or word or "")[:MOST_WORDS]
    is_open = bool(star) or (word or "").endswith("*")
    return Term(tuple(words), is_open) if words else None
