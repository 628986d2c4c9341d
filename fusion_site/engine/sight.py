"""Who is shown the pictures of a run: models that read none get a line of text in their place."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from fusion_site.engine.asking import Ask, Asker, AskEvent, Message, ModelRef, Picture
from fusion_site.engine.turns import Thread

# Anthropic's guide to vision counts a token for 750 pixels and scales down what would be more than about 1600 tokens; the
# other large vendors count less or about as much.
PIXELS_PER_TOKEN = 750
MOST_TOKENS = 1600


@dataclass(frozen=True, slots=True)
class SightedAsker:
    """Passes asks on to another asker; those to a model that is `blind` without pictures, so that no step sends any."""

    asker: Asker
    blind: Collection[ModelRef]

    def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`."""
        return self.asker.ask(self._shown(ask))

    async def read_ahead(self, ask: Ask) -> None:
        """Have the messages of `ask` read as they will be sent."""
        await self.asker.read_ahead(self._shown(ask))

    def _shown(self, ask: Ask) -> Ask:
        return replace(ask, messages=seen_by(ask.messages, ask.model, self.blind))


def seen_by(
    messages: tuple[Message, ...], model: ModelRef, blind: Collection[ModelRef]
) -> tuple[Message, ...]:
    """Give the messages as a model is sent them: without pictures, and with a word of each, where it reads none."""
    if model not in blind:
        return messages
    return tuple(_in_words(message) for message in messages)


def pictures_in(messages: Iterable[Message]) -> tuple[Picture, ...]:
    """Give the pictures of all turns, each once, in their order."""
    found = {picture.sha256: picture for message in messages for picture in message.pictures}
    return tuple(found.values())


def turns_of(thread: Thread) -> Iterator[Message]:
    """Yield what was asked in the earlier turns of a thread."""
    for turn in thread.turns:
        yield from turn.asked


def tokens_of(picture: Picture) -> int:
    """Give about how many tokens a picture takes, by its size."""
    return min(MOST_TOKENS, math.ceil(picture.width * picture.height / PIXELS_PER_TOKEN))


def _in_words(message: Message) -> Message:
    if not message.pictures:
        return message
    told = [
        f"[A picture came with this, which you cannot be shown: {_plain(each.name)}, "
        f"{each.width} by {each.height} pixels. Say so where the answer depends on it.]"
        for each in message.pictures
    ]
    return replace(message, content="\n\n".join([message.content, *told]), pictures=())


def _plain(name: str) -> str:
    """Give a name that ends no bracket and begins no line."""
    return " ".join(name.replace("[", "(").replace("]", ")").split()) or "without a name"
