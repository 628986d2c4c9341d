"""What a stored response was asked, as the list of items that the OpenAI API gives of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from fusion_site.api.openai.refusals import invalid
from fusion_site.api.openai.response_shapes import part
from fusion_site.runs.attached.models import Picture
from fusion_site.runs.models import Run

_USUAL, _MOST = "20", 100


def items_of(run: Run, *, has_instructions: bool) -> list[dict[str, Any]]:
    """Give the run's own turns in their order; instructions are none, and what a thread had before is in its own runs."""
    messages = run.settings["messages"]
    own = messages[-1:] if run.history else messages[1:] if has_instructions else messages
    pictures = _pictures(run, own)
    return [_item(f"msg_{run.pk}_{n}", message, pictures) for n, message in enumerate(own)]


def page_of(items: Sequence[dict[str, Any]], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Give the page that is wanted by `after`, `limit` and `order`. Raises Refused."""
    limit, order = wanted.get("limit", _USUAL), wanted.get("order", "desc")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:4]) <= _MOST):
        raise invalid(f"It has to be a number from 1 to {_MOST}.", "limit")
    if order not in {"asc", "desc"}:
        raise invalid("It has to be asc or desc.", "order")
    rows = list(items) if order == "asc" else list(reversed(items))
    if (after := wanted.get("after")) is not None:
        ids = [row["id"] for row in rows]
        if after not in ids:
            raise invalid("There is no such item.", "after")
        rows = rows[ids.index(after) + 1 :]
    page = rows[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(rows),
    }


def _item(item_id: str, message: Mapping[str, Any], pictures: Mapping[str, str]) -> dict[str, Any]:
    told = {"type": "message", "id": item_id, "status": "completed", "role": message["role"]}
    if message["role"] == "assistant":
        return {**told, "content": [part(message["content"])]}
    shown = [{"type": "input_text", "text": message["content"]}]
    for each in message.get("pictures", ()):
        shown.append({"type": "input_image", "detail": "auto", "image_url": pictures[each["sha256"]]})
    return {**told, "content": shown}


def _pictures(run: Run, messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Give the pictures of these turns as data URLs, by their hashes."""
    wanted = {each["sha256"] for message in messages for each in message.get("pictures", ())}
    if not wanted:
        return {}
    rows = Picture.objects.filter(run_pictures__run=run, sha256__in=wanted)
    return {
        row.sha256: f"data:{row.kind};base64,{base64.b64encode(bytes(row.data)).decode()}" for row in rows
    }
