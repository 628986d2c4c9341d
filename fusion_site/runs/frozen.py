"""The settings of a run, to JSON and back."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from fusion_site.engine.events import AnswerResult
from fusion_site.engine.settings import FusionSettings

_SETTINGS: TypeAdapter[FusionSettings] = TypeAdapter(FusionSettings)
_RESULT: TypeAdapter[AnswerResult] = TypeAdapter(AnswerResult)


def settings_to_json(settings: FusionSettings) -> dict[str, Any]:
    """Give the settings as plain JSON; Decimals become strings, so that no digit is lost."""
    data: dict[str, Any] = _SETTINGS.dump_python(settings, mode="json")
    return data


def settings_from_json(data: dict[str, Any]) -> FusionSettings:
    """Give the settings that `settings_to_json` stored."""
    return _SETTINGS.validate_python(data)


def result_to_json(result: AnswerResult) -> dict[str, Any]:
    """Give one finished call as plain JSON."""
    data: dict[str, Any] = _RESULT.dump_python(result, mode="json")
    return data


def result_from_json(data: dict[str, Any]) -> AnswerResult:
    """Give the finished call that `result_to_json` stored."""
    return _RESULT.validate_python(data)
