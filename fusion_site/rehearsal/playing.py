"""Saying a script at a believable pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from random import Random
from typing import NamedTuple

from fusion_site.rehearsal.cast import AT_ONCE_S, Model
from fusion_site.rehearsal.scripts import Script
from fusion_site.rehearsal.tokens import split


class Piece(NamedTuple):
    """The next few tokens; `field` is the field of the delta that they belong to."""

    field: str
    text: str


class Beat(NamedTuple):
    """A piece, and how many seconds after the one before it is due, at speed 1."""

    after_s: float
    piece: Piece


def beats(script: Script, model: Model, chance: Random) -> Iterator[Beat]:
    """The script in uneven pieces of one to five tokens, each with its time."""
    wait = chance.uniform(*(model.first_s if script.reasoning else AT_ONCE_S))
    for field, text in (("reasoning_content", script.reasoning), ("content", script.text)):
        tokens = split(text)
        place = 0
        while place < len(tokens):
            size = chance.randint(1, 5)
            yield Beat(wait, Piece(field, "".join(tokens[place : place + size])))
            place += size
            wait = size / model.tokens_per_s * chance.uniform(0.5, 1.5)


async def play(script: Script, model: Model, chance: Random, speed: float) -> AsyncGenerator[Piece, None]:
    """Give each piece when it is due; time that the reader took is not waited for again."""
    clock = asyncio.get_running_loop().time
    due = clock()
    for after_s, piece in beats(script, model, chance):
        due += after_s / speed
        await asyncio.sleep(max(0.0, due - clock()))
        yield piece
