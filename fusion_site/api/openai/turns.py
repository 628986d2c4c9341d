"""The turns of a conversation as programs send them, made into what every member is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Literal

from fusion_site.api.openai.picture_parts import KINDS as PICTURES
from fusion_site.api.openai.picture_parts import picture_in
from fusion_site.api.openai.refusals import Refused, unsupported
from fusion_site.engine.asking import Message, Picture

Role = Literal["system", "user", "assistant"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",  # the newer name of the same
    "user": "user",
    "assistant": "assistant",
}
# What a turn may have beside. Clients send an assistant's turn back as they got it.
_KNOWN = frozenset({"role", "content", "type", "id", "status", "phase", "annotations"})
_TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
NOT_READ = "A fusion reads text and pictures: its members, its judge and what is kept of a run have no room for '{}' parts."
USERS_ALONE = "Pictures go with the user's turns alone."


def messages_in(given: Mapping[str, Any]) -> list[Message]:
    """Give the conversation of a chat completion, which ends with the user. Raises Refused."""
    turns = given.get("messages")
    if turns is None:
        raise _missing("messages")
    if not isinstance(turns, list) or not turns:
        raise _invalid("messages", "It has to be a list of at least one message.")
    messages = [message_in(turn, f"messages[{n}]") for n, turn in enumerate(turns)]
    return ending_with_user(numbered(messages), "messages")


def numbered(messages: Sequence[Message]) -> list[Message]:
    """Give the messages with their pictures called by numbers that count through: programs give them no names."""
    numbers = count(1)
    return [
        replace(m, pictures=tuple(replace(p, name=f"picture {next(numbers)}") for p in m.pictures))
        for m in messages
    ]


def message_in(turn: object, at: str) -> Message:
    """Give one turn; `at` is where it stands. Raises Refused."""
    if not isinstance(turn, dict):
        raise _invalid(at, "It has to be an object with a role and content.")
    given = {name: value for name, value in turn.items() if value not in (None, [], "")}
    role = _ROLES.get(str(turn.get("role")))
    if role is None:
        raise _invalid(f"{at}.role", "It has to be system, developer, user or assistant.")
    known = _KNOWN | {"refusal"} if role == "assistant" else _KNOWN
    for name in sorted(given.keys() - known):
        raise unsupported(f"{at}.{name}")
    content = turn.get("content")
    if content is None and role == "assistant":
        content = turn.get("refusal")
    pictures = _pictures(content, f"{at}.content")
    if pictures and role != "user":
        raise _invalid(f"{at}.content", USERS_ALONE)
    return Message(role, _text(content, f"{at}.content"), pictures)


def ending_with_user(messages: list[Message], name: str) -> list[Message]:
    """Give the messages, of which the last is the user's. Raises Refused."""
    if messages[-1].role != "user":
        raise _invalid(name, "The last message has to be the user's.")
    return messages


def _text(content: object, at: str) -> str:
    """Give the text of a content; parts are joined by line breaks."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _invalid(at, "It has to be text, or a list of text parts.")
    parts = [(n, part) for n, part in enumerate(content) if not _is_picture(part)]
    return "\n".join(_part(part, f"{at}[{n}]") for n, part in parts)


def _pictures(content: object, at: str) -> tuple[Picture, ...]:
    parts = enumerate(content) if isinstance(content, list) else ()
    return tuple(picture_in(part, f"{at}[{n}]", n) for n, part in parts if _is_picture(part))


def _is_picture(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") in PICTURES


def _part(part: object, at: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str):
        raise _invalid(at, "It has to be an object with a type.")
    text = part.get(_TEXTS[kind]) if kind in _TEXTS else None
    if kind not in _TEXTS:
        message = f"Invalid content type. {NOT_READ.format(kind[:40])}"
        raise Refused(400, message, param=f"{at}.type", code="unsupported_content_type")
    if not isinstance(text, str):
        raise _invalid(f"{at}.{_TEXTS[kind]}", "It has to be text.")
    return text


def _missing(name: str) -> Refused:
    message = f"Missing required parameter: '{name}'."
    return Refused(400, message, param=name, code="missing_required_parameter")


def _invalid(at: str, message: str) -> Refused:
    return Refused(400, f"Invalid value for '{at}'. {message}", param=at, code="invalid_value")
