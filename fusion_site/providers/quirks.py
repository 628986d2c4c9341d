"""What a model's server refuses, learned from its refusals: a wrong parameter costs one retry and then none."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.reports import Report

KEPT = 4096
SHORT_NAME, LONG_NAME = "max_tokens", "max_completion_tokens"
LEAST_CAP = 16

# Parameters that may be left out; the model then does what it does by default.
OPTIONAL = (
    "stream_options",
    "response_format",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "reasoning_effort",
    "reasoning",
)
# Words that also stand in ordinary sentences: without quotes around them they name no parameter.
ORDINARY = {"seed", "stop"}
OTHER_NAMES = {"response_format": r"response_format|json_schema|structured[ _]outputs?|requested parameters"}

UNKNOWN = r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|extra (inputs?|fields?)|not (permitted|allowed)"
REFUSES = re.compile(
    UNKNOWN + r"|unavailable|cannot|mandatory|must be|requested parameters|invalid|literal_error|validation",
    re.IGNORECASE,
)
RENAMES = re.compile(f"{UNKNOWN}|{LONG_NAME}", re.IGNORECASE)
# A number that stands alone: no part of a version, a date or a model's name.
COUNT = re.compile(r"(?<![\w.-])\d{2,9}(?![\w.-]*\d)")


@dataclass(frozen=True, slots=True)
class Quirks:
    """How requests to one model must differ from the ordinary one."""

    dropped: frozenset[str] = frozenset()
    long_name: bool = False
    """Whether `max_tokens` is called `max_completion_tokens`."""
    token_cap: int | None = None

    def fit(self, payload: Mapping[str, object]) -> dict[str, object]:
        """Give `payload` as this model's server takes it; a bound on tokens is always left in."""
        fitted = {name: value for name, value in payload.items() if name not in self.dropped}
        asked = fitted.pop(SHORT_NAME)
        bound = min(asked, self.token_cap) if self.token_cap and isinstance(asked, int) else asked
        fitted[LONG_NAME if self.long_name else SHORT_NAME] = bound
        return fitted

    def after(self, error: AskError, report: Report, sent: Mapping[str, object]) -> Quirks | None:
        """Give the quirks to try next, if `error` refused a parameter that was `sent`; None if it did not."""
        if error.kind not in (ErrorKind.BAD_REQUEST, ErrorKind.NOT_FOUND, ErrorKind.SERVER):
            return None
        if changed := self._after_bound(report, sent):
            return changed
        if not REFUSES.search(report.detail):
            return None
        name = next((name for name in OPTIONAL if name in sent and _blames(report, name)), None)
        return replace(self, dropped=self.dropped | {name}) if name else None

    def _after_bound(self, report: Report, sent: Mapping[str, object]) -> Quirks | None:
        """The bound on tokens: called by its other name, or lowered to the most that the refusal allows."""
        name = LONG_NAME if self.long_name else SHORT_NAME
        if name not in f"{report.param} {report.detail}":
            return None
        bound = sent[name]
        counts = [int(text) for text in COUNT.findall(report.detail)]
        allowed = [count for count in counts if isinstance(bound, int) and LEAST_CAP <= count < bound]
        if allowed:
            return replace(self, token_cap=max(allowed))
        if not self.long_name and RENAMES.search(report.detail):
            return replace(self, long_name=True)
        return None


class QuirkBook:
    """What is known of each (origin, model); the least recently asked are forgotten past 4096."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Quirks] = OrderedDict()

    def of(self, origin: str, model: str) -> Quirks:
        """Give the quirks of `model` at `origin`: none, as long as nothing was refused."""
        key = (origin, model)
        if key not in self._known:
            return Quirks()
        self._known.move_to_end(key)
        return self._known[key]

    def learn(self, origin: str, model: str, quirks: Quirks) -> None:
        """Remember quirks that a request was just accepted with."""
        if quirks == Quirks():
            return
        self._known[(origin, model)] = quirks
        self._known.move_to_end((origin, model))
        if len(self._known) > KEPT:
            self._known.popitem(last=False)


def _blames(report: Report, name: str) -> bool:
    if report.param:
        return report.param.split(".")[0] == name
    words = OTHER_NAMES.get(name, name)
    quote = r"[`'\"]" if name in ORDINARY else ""
    return re.search(rf"{quote}(?<!\w)({words})(?!\w)", report.detail, re.IGNORECASE) is not None
