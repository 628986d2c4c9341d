"""What a passage says, as far as that can be told by its words: their stems in order, its figures, its negations."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

# Markdown and HTML that are no words: where a link leads, numbers of notes, tags.
_MARKUP = re.compile(r"\]\([^()\s]{0,2000}\)|\[\^?\d{1,3}\]|</?[a-zA-Z]\w{0,12}[^<>\n]{0,200}>")
# Marks that Indic and Southeast Asian scripts write within words are no letters to Python.
_LETTER = r"[\w\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0eff\u1000-\u1049\u1780-\u17d3]"
_TOKEN = re.compile(rf"(?:(?<![\w)\]])[-−])?\d+(?:[.,]\d+)*|{_LETTER}+(?:['’]{_LETTER}+)*")
_THOUSANDS = re.compile(r"[-−]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# Scripts without spaces (and Korean, whose endings vary): compared by pairs of characters.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)

# Endings that are dropped, the longest first, so that "changes", "changed" and "changing" are one word.
_ENDINGS = ("ing", "ed", "es", "en", "er", "ly", "s", "e")
_NO_WORDS = (
    "not no never none nobody nothing nowhere neither nor without cannot hardly "
    "nicht kein keine keinen keinem keiner keines nie niemals nichts ohne weder "
    "pas jamais sans aucun aucune rien nunca ningún ninguna sin nada non mai senza nessun nessuna não nem sem "
    "niet geen nooit zonder ikke aldri uten inte aldrig utan nigdy bez не нет ни без никогда değil yok hiç "
    "لا لم لن ليس غير नहीं न मत बिना"
)
_NEGATIONS = frozenset(_NO_WORDS.split())
_UNSPACED_NEGATION = re.compile(r"[不没沒無无非未别別莫勿않]|ない|ません|なかっ|なく|못|없|ไม่")
# Number words count as figures. "One" does not: it mostly means anybody.
_NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve",
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "deux trois quatre cinq six sept huit neuf dix onze douze",
    "dos tres cuatro cinco seis siete ocho nueve diez once doce",
)
_COUNTED = {word: str(n) for words in _NUMBERS for n, word in enumerate(words.split(), start=2)}
_COUNTED |= {"hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000"}
_COUNTED |= {"half": "0.5", "double": "x2", "twice": "x2", "triple": "x3", "both": "2"}
_UNSPACED_FIGURE = frozenset("二两三四五六七八九十百千万億亿")
# What every negation counts as.
NOT = "¬"


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a passage in order. `figures` and `negations` are the places in `words` of those that must agree."""

    words: tuple[str, ...]
    figures: frozenset[int]
    negations: frozenset[int]


def wording(passage: str) -> Wording:
    """Give what a passage says; markdown's marks, case, endings of words and where a link leads make no difference."""
    plain = unicodedata.normalize("NFKC", html.unescape(_MARKUP.sub(" ", passage))).casefold()
    tokens = (token.strip("_") for token in _TOKEN.findall(plain))
    words = [word for token in tokens if token for word in _words(token)]
    figures = frozenset(n for n, word in enumerate(words) if _is_figure(word))
    return Wording(tuple(words), figures, frozenset(n for n, word in enumerate(words) if word == NOT))


def joined(passages: Iterable[Wording]) -> Wording:
    """Give the wording of passages that follow each other."""
    words: list[str] = []
    figures: set[int] = set()
    negations: set[int] = set()
    for one in passages:
        figures.update(len(words) + n for n in one.figures)
        negations.update(len(words) + n for n in one.negations)
        words += one.words
    return Wording(tuple(words), frozenset(figures), frozenset(negations))


def _words(token: str) -> Iterator[str]:
    """Give what one run of letters or digits counts as."""
    if _UNSPACED.search(token):
        yield from _pairs(token)
    elif token[0].isdigit() or token[0] in "-−":
        bare = token.replace(",", "") if _THOUSANDS.fullmatch(token) else token
        yield bare.replace("−", "-")
    elif token in _NEGATIONS:
        yield NOT
    elif token.endswith(("n't", "n’t")):
        yield from (stem(token[:-3]), NOT)
    else:
        yield _COUNTED.get(token) or stem(token)


def _pairs(token: str) -> Iterator[str]:
    for n, character in enumerate(token):
        if character in _UNSPACED_FIGURE:
            yield character
        elif _UNSPACED_NEGATION.match(token, n):
            yield NOT
        if n + 1 < len(token) or len(token) == 1:
            yield token[n : n + 2]


def _is_figure(word: str) -> bool:
    return word in _UNSPACED_FIGURE or any(map(str.isdigit, word))


@lru_cache(10_000)
def stem(word: str) -> str:
    """Give a word without its ending."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            word = word[: -len(ending)]
            # "planned" is "plan", and "add" is "ad" as "adding" is.
            break
    return word[:-1] if len(word) > 2 and word[-1] == word[-2] else word
