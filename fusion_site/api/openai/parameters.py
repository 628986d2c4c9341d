"""What the parameters of a request are to a fusion: honoured for all members, without effect, or refused by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from fusion_site.api.openai.refusals import Refused, invalid, unsupported
from fusion_site.engine.settings import Mode
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import Reading, is_storable
from fusion_site.pools.sampling import read_params

_STOP_IN = "Members' texts end there, but only in the mode best_of is the answer one of them: what others write in the other modes does not."
# These change nothing of an answer, at OpenAI as here.
_IDLE = frozenset(
    {
        "user",
        "metadata",
        "store",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
    }
)
_WHY_NOT = {
    "store": "Every run is kept: leave it out, and delete the response once you have read it.",
}
_ASKS_NOTHING: tuple[object, ...] = (False, [], {}, "none", "auto", 0)


@dataclass(frozen=True)
class Rules:
    """The parameters of one door. What is in none of these is refused.

    `own` the door reads itself; `sampling` are settings of members, by the pool's names; those of `only` are
    taken with these values; those of `empty` where they ask for nothing.
    """

    own: frozenset[str]
    sampling: Mapping[str, str]
    only: Mapping[str, Collection[object]] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()


def check(given: Mapping[str, Any], rules: Rules) -> None:
    """Raise Refused for the first parameter that cannot be honoured."""
    for name, value in given.items():
        if name in rules.only:
            _check_value(name, value, rules.only[name])
            continue
        if name in rules.own or name in rules.sampling or name in _IDLE:
            continue
        if name not in rules.empty or not any(value == each for each in _ASKS_NOTHING):
            raise unsupported(name)


def sampling_in(given: Mapping[str, Any], rules: Rules, mode: Mode) -> dict[str, Any]:
    """Give the settings that take the place of every member's own. Raises Refused."""
    names = {ours: name for name, ours in rules.sampling.items() if name in given}
    if len(names) < sum(name in given for name in rules.sampling):
        both = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise invalid(both, "max_tokens")
    if "stop" in names and mode is not Mode.BEST_OF:
        raise unsupported("stop", _STOP_IN)
    wanted = {ours: _plain(name, given[name]) for ours, name in names.items()}
    try:
        reading = Reading(wanted)
        found = read_params(reading)
        reading.finish()
    except Invalid as error:
        ours, (message, *_) = next(iter(error.fields.items()))
        raise invalid(message, names.get(ours, ours)) from None
    return found


def flag(given: Mapping[str, Any], name: str) -> bool:
    """Give a yes or no, which is no where it is absent. Raises Refused."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise Refused(
            400, f"Invalid type for '{name}': it has to be true or false.", param=name, code="invalid_type"
        )
    return value


def inside(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give the object in a field, without its nulls; of none, an empty one. Raises Refused."""
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise Refused(
            400, f"Invalid type for '{name}': it has to be an object.", param=name, code="invalid_type"
        )
    return {inner: each for inner, each in value.items() if each is not None}


def check_told_again(given: Mapping[str, Any]) -> None:
    """Raise Refused for what cannot be kept to be told again: `user`, and OpenAI's bounds of `metadata`."""
    user, metadata = given.get("user", ""), inside(given, "metadata")
    if not isinstance(user, str) or not is_storable(user):
        raise Refused(400, "Invalid type for 'user': it has to be text.", param="user", code="invalid_type")
    for name, value in metadata.items():
        if not isinstance(value, str) or not is_storable(name + value):
            at = f"metadata.{name}"
            raise Refused(400, f"Invalid type for '{at}': it has to be text.", param=at, code="invalid_type")
    if len(metadata) > 16 or any(len(name) > 64 or len(value) > 512 for name, value in metadata.items()):
        raise invalid("At most 16 pairs, with names of 64 and values of 512 characters.", "metadata")


def _plain(name: str, value: Any) -> Any:
    """Give a value as pools read it: numbers are numbers here, and one `stop` is a list of one."""
    if name == "stop":
        return [value] if isinstance(value, str) else value
    if not name.endswith("effort") and isinstance(value, str):
        message = f"Invalid type for '{name}': it has to be a number."
        raise Refused(400, message, param=name, code="invalid_type")
    return value


def _check_value(name: str, value: object, allowed: Collection[object]) -> None:
    if any(value == each and type(value) is type(each) for each in allowed):
        return
    message = (
        f"Unsupported value: '{name}' does not take {value!r:.80} here. {_WHY_NOT.get(name, '')}".strip()
    )
    raise Refused(400, message, param=name, code="unsupported_value")
