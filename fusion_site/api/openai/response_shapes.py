"""A response as the OpenAI Responses API has it: the object, and the events of its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fusion_site.api.openai.asking import Asked
from fusion_site.api.openai.ending import Ending
from fusion_site.api.openai.fusion_call import FusionCall, Told
from fusion_site.api.openai.refusals import Refused
from fusion_site.runs.models import State
from fusion_site.runs.state import RunState
from fusion_site.runs.tokens import Tokens

# How it came about stands first in the output, where it is wanted.
CALL = 0


class Reply:
    """One response to what was `given`. Its events are numbered from 0, each `type` with its fields.

    With a `call` the fusion is told as well: as it goes on, and as the first item of the output.
    """

    def __init__(self, asked: Asked, given: Mapping[str, Any], call: FusionCall | None) -> None:
        self._asked, self._given, self._call = asked, given, call
        self._place = 0 if call is None else CALL + 1
        self._message = f"msg_{asked.id}"
        self._number = -1
        self._is_writing = False

    def whole(self, ending: Ending) -> dict[str, Any]:
        """Give the response with its answer."""
        answer = self._written(ending.text, _status(ending))
        return {
            **self._response(_status(ending), [*self._items(ending.state, "completed"), answer]),
            "incomplete_details": {"reason": "max_output_tokens"} if ending.is_cut else None,
            "usage": usage(ending.tokens),
            "fusion": ending.fusion,
        }

    def begun(self) -> Iterator[dict[str, Any]]:
        """Give the events with which a stream begins."""
        for kind in ("created", "in_progress"):
            yield self._event(f"response.{kind}", response=self._response("in_progress", []))
        for item in self._items(self._asked.telling.state, "in_progress"):
            yield self._event("response.output_item.added", output_index=CALL, item=item)
            yield self._of_call("in_progress", item["id"])

    def more(self, text: str) -> Iterator[dict[str, Any]]:
        """Give what is new: of the members and the judge as long as the answer has not begun, then of its text."""
        if self._call is not None and not self._is_writing:
            yield from self._progress(self._call, self._call.news(self._asked.telling.state))
        if text:
            yield from self._write()
            yield self._of_text("delta", delta=text, logprobs=[])

    def done(self, ending: Ending) -> Iterator[dict[str, Any]]:
        """Give the events with which a stream ends that has the whole answer."""
        yield from self._write()
        item = self._written(ending.text, _status(ending))
        yield self._of_text("done", text=ending.text, logprobs=[])
        yield self._of_part("done", item["content"][0])
        yield self._event("response.output_item.done", output_index=self._place, item=item)
        kind = "incomplete" if ending.is_cut else "completed"
        yield self._event(f"response.{kind}", response=self.whole(ending))

    def failed(self, refused: Refused) -> dict[str, Any]:
        """Give the event with which a stream ends that has none. The API has a closed list of codes for it."""
        return self._event("response.failed", response=self._failed(refused))

    def lost(self, refused: Refused) -> dict[str, Any]:
        """Give the response of a run that came to nothing, or was stopped before it had an answer."""
        if refused.code == "run_cancelled":
            return {**self._response("cancelled", []), "fusion": refused.fusion}
        return self._failed(refused)

    def unfinished(self) -> dict[str, Any]:
        """Give the response of a run that goes on, as far as it has come: without a text, which may be taken back."""
        state = self._asked.telling.state
        status = "queued" if state.state == State.QUEUED else "in_progress"
        return self._response(status, self._items(state, "in_progress"))

    def _failed(self, refused: Refused) -> dict[str, Any]:
        reason = _REASONS.get(refused.code or "", "unexpected_error")
        told = {"error": refused.message, "failure_reason": reason}
        items = self._items(self._asked.telling.state, "failed")
        response = self._response("failed", [{**item, **told} for item in items])
        error = {"code": "server_error", "message": refused.message}
        return {**response, "error": error, "fusion": refused.fusion}

    def _write(self) -> Iterator[dict[str, Any]]:
        """Begin the answer, once: by then the fusion is told."""
        if self._is_writing:
            return
        self._is_writing = True
        for call in self._items(self._asked.telling.state, "completed"):
            yield self._of_call("completed", call["id"])
            yield self._event("response.output_item.done", output_index=CALL, item=call)
        item = {**self._written("", "in_progress"), "content": []}
        yield self._event("response.output_item.added", output_index=self._place, item=item)
        yield self._of_part("added", part(""))

    def _items(self, state: RunState, status: str) -> list[dict[str, Any]]:
        """Give the fusion as an item, where it is wanted."""
        return [] if self._call is None else [self._call.item(state, status)]

    def _progress(self, call: FusionCall, news: Iterable[Told]) -> Iterator[dict[str, Any]]:
        for kind, fields in news:
            yield self._of_call(kind, call.id, **fields)

    def _written(self, text: str, status: str) -> dict[str, Any]:
        content = [part(text)]
        return {
            "type": "message",
            "id": self._message,
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def _response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        """Give the object around the output. What the request leaves to the members is null: each has its own."""
        told = {name: self._given.get(name) for name in _ECHOED}
        return {
            "id": f"resp_{self._asked.id}",
            "object": "response",
            "created_at": self._asked.created,
            "status": status,
            "background": self._given.get("background", False),
            "error": None,
            "incomplete_details": None,
            "output": output,
            "parallel_tool_calls": self._given.get("parallel_tool_calls", True),
            "reasoning": {"effort": self._given.get("reasoning", {}).get("effort"), "summary": None},
            "store": True,
            "text": {"format": {"type": "text"}},
            "tool_choice": self._given.get("tool_choice", "auto"),
            "tools": self._given.get("tools", []),
            "truncation": "disabled",
            "usage": None,
            **told,
            "metadata": self._given.get("metadata", {}),
        }

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **fields}

    def _of_call(self, kind: str, item: str, **fields: Any) -> dict[str, Any]:
        return self._event(f"response.fusion_call.{kind}", item_id=item, output_index=CALL, **fields)

    def _of_text(self, kind: str, **fields: Any) -> dict[str, Any]:
        return self._event(
            f"response.output_text.{kind}",
            item_id=self._message,
            output_index=self._place,
            content_index=0,
            **fields,
        )

    def _of_part(self, kind: str, part: dict[str, Any]) -> dict[str, Any]:
        return self._event(
            f"response.content_part.{kind}",
            item_id=self._message,
            output_index=self._place,
            content_index=0,
            part=part,
        )


_ECHOED = (
    "model",
    "instructions",
    "max_output_tokens",
    "previous_response_id",
    "temperature",
    "top_p",
    "user",
)
# What is kept of a request, to be told again with its response.
KEPT = (*_ECHOED, "background", "parallel_tool_calls", "reasoning", "tool_choice", "tools", "metadata")
_REASONS = {"all_members_failed": "all_panels_failed", "run_cancelled": "cancelled"}


def usage(tokens: Tokens) -> dict[str, Any] | None:
    """Give the tokens of all calls; None where no server told of any. Of details, unknown ones are null."""
    if tokens.prompt is None or tokens.completion is None:
        return None
    return {
        "input_tokens": tokens.prompt,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.completion,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.prompt + tokens.completion,
    }


def wants_fusion(given: Mapping[str, Any]) -> bool:
    """Whether the fusion itself is to be told. Events that they do not know are more than some clients can bear."""
    return bool(given.get("tools"))


def _status(ending: Ending) -> str:
    return "incomplete" if ending.is_cut else "completed"


def part(text: str) -> dict[str, Any]:
    """Give a text as a part of an answer."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
