"""OpenRouter's plugin form: `{"plugins": [{"id": "fusion", "analysis_models": […], "model": …}]}`, without a preset here.

Source: OpenRouter's guide to the plugin (August 2026). There `model` compares, and with the alias `openrouter/fusion` writes
the answer as well; here one model, the judge, always does both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fusion_site.accounts.models import Membership
from fusion_site.api.openai.parameters import Rules, inside
from fusion_site.api.openai.refusals import Refused, invalid, unsupported
from fusion_site.pools.ad_hoc import AdHoc, read_ad_hoc
from fusion_site.pools.invalid import Invalid

ALIAS = "openrouter/fusion"
_ID = "fusion"
_AT = "plugins[0]"
_FORCED = ("auto", "required", {"type": "openrouter:fusion"})
_KNOWN = frozenset(
    {
        "id",
        "enabled",
        "analysis_models",
        "model",
        "max_tool_calls",
        "tools",
        "temperature",
        "max_completion_tokens",
        "reasoning",
    }
)
_MOST_TOOL_CALLS = 16
_PARAMS = {
    "models": f"{_AT}.analysis_models",
    "judge": f"{_AT}.model",
    "connection": "fusion.connection",
    "params.temperature": f"{_AT}.temperature",
    "params.max_tokens": f"{_AT}.max_completion_tokens",
    "params.reasoning_effort": f"{_AT}.reasoning.effort",
}

OWN_MEMBERS = f"A preset has members and a judge of its own: the plugin goes with the model '{ALIAS}'."
NO_PANELS = "Name the models in 'analysis_models': OpenRouter's own panels are not known here."
NO_TOOLS = "Members and judge have no tools here: leave them out, or give an empty list."
ONE_WRITER = f"The model that compares writes the answer, too: give the same one, or '{ALIAS}' as the request's 'model'."
ONE_PLUGIN = "The one plugin that is known here is 'fusion'."


def asks_ad_hoc(given: Mapping[str, Any]) -> bool:
    """Whether a request names its models itself. Raises Refused where it names a preset as well."""
    if not given.get("plugins"):
        return given.get("model") == ALIAS
    if str(given.get("model", "")).startswith("fusion/"):
        raise unsupported("plugins", OWN_MEMBERS)
    return True


def rules_with_plugin(rules: Rules) -> Rules:
    """Give the rules of a door for such a request. That the fusion is forced is no wish: nothing else answers here."""
    return replace(
        rules,
        own=rules.own | {"plugins"},
        empty=rules.empty - {"tool_choice"},
        only={**rules.only, "tool_choice": _FORCED},
    )


def ad_hoc_in(given: Mapping[str, Any], by: Membership) -> AdHoc:
    """Give the pool that a request names. Raises Refused, and PermissionDenied for viewers."""
    plugin = _plugin(given)
    _check(plugin)
    asked = {
        "models": plugin.get("analysis_models"),
        "judge": _judge(given, plugin),
        "params": _sampling(plugin),
        "connection": _connection(given),
    }
    try:
        return read_ad_hoc(by, asked)
    except Invalid as error:
        name, (message, *_) = next(iter(error.fields.items()))
        raise invalid(message, _param(name)) from None


def _plugin(given: Mapping[str, Any]) -> Mapping[str, Any]:
    plugins = given.get("plugins", [])
    if not isinstance(plugins, list) or not all(isinstance(each, dict) for each in plugins):
        message = "Invalid type for 'plugins': it has to be a list of objects."
        raise Refused(400, message, param="plugins", code="invalid_type")
    for n, each in enumerate(plugins):
        if each.get("id") != _ID or n:
            raise invalid(ONE_PLUGIN, f"plugins[{n}].id", "unsupported_value")
    if not plugins:
        message = f"The model '{ALIAS}' asks the models that a plugin names: {{'plugins': [{{'id': 'fusion', …}}]}}."
        raise Refused(400, message, param="plugins", code="missing_required_parameter")
    return {name: value for name, value in plugins[0].items() if value is not None}


def _check(plugin: Mapping[str, Any]) -> None:
    """Refuse what would be ignored. So many calls of tools at most are none, which is what is made."""
    if "preset" in plugin:
        raise unsupported(f"{_AT}.preset", NO_PANELS)
    for name in plugin.keys() - _KNOWN:
        raise unsupported(f"{_AT}.{name}")
    if plugin.get("enabled", True) is not True:
        raise invalid("Without the plugin there is nothing to ask.", f"{_AT}.enabled", "unsupported_value")
    if plugin.get("tools", []) != []:
        raise unsupported(f"{_AT}.tools", NO_TOOLS)
    calls = plugin.get("max_tool_calls", 1)
    if isinstance(calls, bool) or not isinstance(calls, int) or not 1 <= calls <= _MOST_TOOL_CALLS:
        raise invalid(f"It has to be a number from 1 to {_MOST_TOOL_CALLS}.", f"{_AT}.max_tool_calls")


def _judge(given: Mapping[str, Any], plugin: Mapping[str, Any]) -> object:
    """Give the model that compares and writes: the plugin's, by default the request's."""
    outer = None if given.get("model") == ALIAS else given.get("model")
    wanted = plugin.get("model", outer)
    if wanted is None:
        message = f"Missing required parameter: '{_AT}.model'."
        raise Refused(400, message, param=f"{_AT}.model", code="missing_required_parameter")
    if outer not in (None, wanted):
        raise invalid(ONE_WRITER, "model", "unsupported_value")
    return wanted


def _sampling(plugin: Mapping[str, Any]) -> dict[str, Any]:
    reasoning = inside(plugin, "reasoning")
    for name in reasoning.keys() - {"effort"}:
        raise unsupported(f"{_AT}.reasoning.{name}")
    return {
        "temperature": plugin.get("temperature"),
        "max_tokens": plugin.get("max_completion_tokens"),
        "reasoning_effort": reasoning.get("effort"),
    }


def _connection(given: Mapping[str, Any]) -> object:
    own = inside(given, "fusion")
    for name in own.keys() - {"connection"}:
        raise unsupported(f"fusion.{name}")
    return own.get("connection")


def _param(name: str) -> str:
    """Give where a field of the pool stands in the request: `models.0` is `plugins[0].analysis_models[0]`."""
    head, _, place = name.partition(".")
    return f"{_PARAMS[head]}[{place}]" if head == "models" and place else _PARAMS[name]
