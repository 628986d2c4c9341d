"""A conversation as the tokens of one prompt, by the chat template in the GGUF file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from fusion_site.compact.failures import bad_request, broken
from fusion_site.compact.vocabulary import Vocabulary

PLAIN_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EDGE = "\x1f"  # counts as whitespace, so a template that trims message texts takes it away


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: role `system`, `user` or `assistant`, and its text."""

    role: str
    text: str


class ChatTemplate:
    """Renders conversations for one model.

    The template never sees a message's text: it renders around a random mark per message, and each text is then
    tokenised on its own as plain text. So no text can close a turn, open another or become a control token.
    """

    def __init__(self, source: str | None, vocabulary: Vocabulary) -> None:
        self.from_file = source is not None
        self._vocabulary = vocabulary
        try:
            self._formatter = Jinja2ChatFormatter(
                template=source if source is not None else PLAIN_CHATML,
                bos_token=vocabulary.begin,
                eos_token=vocabulary.end,
            )
        except jinja2.TemplateError as error:
            raise ValueError(f"its chat template is not valid: {error}") from error

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens to continue from; a template that refuses the conversation is a failure of the request."""
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
            return str(self._formatter(messages=shown).prompt)  # type: ignore[arg-type]
        except ValueError as error:  # the template's own raise_exception
            raise bad_request(
                f"The model's chat template refuses these messages: {error}", "messages"
            ) from error
        except Exception as error:  # a template is a program from a file: anything can come out of it
            raise broken(f"The model's chat template failed: {error}", "template_error") from error

    def _ends_in_text(self, tokens: list[int]) -> bool:
        """Whether ordinary text stands at the end; control tokens have no text of their own."""
        return bool(tokens) and bool(self._vocabulary.piece(tokens[-1]))


def _trimmed(part: str, text: str) -> str:
    """The message text, without the outer whitespace on the sides where the template trimmed its mark."""
    if not part.startswith(EDGE):
        text = text.lstrip()
    return text if part.endswith(EDGE) else text.rstrip()
