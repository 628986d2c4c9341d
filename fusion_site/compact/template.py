"""A conversation as the tokens of one prompt, by the chat template in the GGUF file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from fusion_site.compact.failures import template_failed, template_refused
from fusion_site.compact.rendering import Refusal, Rendering, RenderingFailed
from fusion_site.compact.vocabulary import Vocabulary

PLAIN_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PROBE = [
    {"role": "system", "content": "\x02"},
    {"role": "user", "content": "\x03"},
]  # no template has these itself
EDGE = "\x1f"  # counts as whitespace, so a template that trims message texts takes it away


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: role `system`, `user` or `assistant`, and its text."""

    role: str
    text: str


class ChatTemplate:
    """Renders conversations for one model.

    The template never sees a message's text: it renders around a random mark per message, and each text is then
    tokenised on its own as plain text. So no text can close a turn, open another or become a control token. Where it refuses
    or leaves out what the system says, as Gemma's does, that stands before the user's first words.
    """

    def __init__(self, source: str | None, vocabulary: Vocabulary) -> None:
        self.from_file = source is not None
        self._vocabulary = vocabulary
        text = source if source is not None else PLAIN_CHATML
        try:
            self._rendering = Rendering(text, begin=vocabulary.begin, end=vocabulary.end)
        except ValueError as error:
            raise ValueError(f"its chat template is not valid: {error}") from error
        self._knows_system = self._rendering.tells(PROBE)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens to continue from; a template that refuses the conversation is a failure of the request."""
        messages = messages if self._knows_system else _told_by_user(messages)
        texts = {f"{secrets.token_hex(12)}x{at}": message.text for at, message in enumerate(messages)}
        rendered = self._render(messages, list(texts))
        tokens: list[int] = []
        joined = False
        for part in re.split(f"({EDGE}?(?:{'|'.join(texts)}){EDGE}?)", rendered):
            text = texts.get(part.strip(EDGE))
            if text is None:
                tokens += self._vocabulary.template(part, joined=joined)
            else:
                tokens += self._vocabulary.plain(_trimmed(part, text), joined=joined)
            joined = self._ends_in_text(tokens)
        return self._vocabulary.opened(tokens)

    def _render(self, messages: Sequence[Message], marks: list[str]) -> str:
        shown = [
            {"role": message.role, "content": f"{EDGE}{mark}{EDGE}"}
            for message, mark in zip(messages, marks, strict=True)
        ]
        try:
            return self._rendering(shown)
        except Refusal as error:
            raise template_refused(str(error)) from error
        except RenderingFailed as error:
            raise template_failed(str(error)) from error

    def _ends_in_text(self, tokens: list[int]) -> bool:
        """Whether ordinary text stands at the end; control tokens have no text of their own."""
        return bool(tokens) and bool(self._vocabulary.piece(tokens[-1]))


def _told_by_user(messages: Sequence[Message]) -> list[Message]:
    """The conversation with what the system says at the head of the first turn, which is the user's."""
    said = [message.text for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    if not said:
        return rest
    asked = [rest.pop(0).text] if rest and rest[0].role == "user" else []
    return [Message("user", "\n\n".join(said + asked)), *rest]


def _trimmed(part: str, text: str) -> str:
    """The message text, without the outer whitespace on the sides where the template trimmed its mark."""
    if not part.startswith(EDGE):
        text = text.lstrip()
    return text if part.endswith(EDGE) else text.rstrip()
