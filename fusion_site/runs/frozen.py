"""The settings of a run, to JSON and back."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from fusion_site.engine.results import AnswerResult
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.turns import Thread
from fusion_site.runs.models import Run

_SETTINGS: TypeAdapter[FusionSettings] = TypeAdapter(FusionSettings)
_THREAD: TypeAdapter[Thread] = TypeAdapter(Thread)
_RESULT: TypeAdapter[AnswerResult] = TypeAdapter(AnswerResult)
# The bytes of pictures have rows of their own.
_NO_BYTES: Any = {"__all__": {"pictures": {"__all__": {"data"}}}}


def settings_of(run: Run) -> FusionSettings:
    """Give all that the run uses, as it was frozen; of a follow-up this reads what was said before, too."""
    thread = {"thread": run.conversation.thread} if run.history else {}
    return settings_from_json({**run.settings, **thread})


def settings_to_json(settings: FusionSettings) -> dict[str, Any]:
    """Give the settings but for the thread as plain JSON; Decimals become strings, so that no digit is lost."""
    data: dict[str, Any] = _SETTINGS.dump_python(
        settings, mode="json", exclude={"thread": True, "messages": _NO_BYTES}
    )
    return data


def settings_from_json(data: dict[str, Any]) -> FusionSettings:
    """Give the settings that `settings_to_json` stored."""
    return _SETTINGS.validate_python(data)


def thread_to_json(thread: Thread) -> dict[str, Any]:
    """Give what was said before a run as plain JSON."""
    data: dict[str, Any] = _THREAD.dump_python(
        thread, mode="json", exclude={"turns": {"__all__": {"asked": _NO_BYTES}}}
    )
    return data


def thread_from_json(data: dict[str, Any]) -> Thread:
    """Give what `thread_to_json` stored."""
    return _THREAD.validate_python(data)


def result_to_json(result: AnswerResult) -> dict[str, Any]:
    """Give one finished call as plain JSON."""
    data: dict[str, Any] = _RESULT.dump_python(result, mode="json")
    return data


def result_from_json(data: dict[str, Any]) -> AnswerResult:
    """Give the finished call that `result_to_json` stored."""
    return _RESULT.validate_python(data)
