"""How `/v1` says no: the OpenAI API's error bodies, with its statuses, types and codes, which its clients act on.

Clients ask again by themselves after 408, 409, 429 and any 5xx. Where that would only start, and pay for, the same run
once more, the header `x-should-retry: false` keeps the official ones from it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from fusion_site.api.run_doors import LIMIT_RETRY_S
from fusion_site.ops.bodies import TOO_LARGE
from fusion_site.ops.draining import RETRY_AFTER_S, Draining
from fusion_site.ops.querying import DISTURBED
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.flows.reopening import NOT_OVER, OPEN_ALREADY
from fusion_site.runs.flows.start import KeyReused
from fusion_site.runs.limits import LimitReached, OverBudget

log = logging.getLogger(__name__)

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
BAD_TOKEN_MEANWHILE = "The token is no longer good. The run goes on, and can be read at {url}."  # noqa: S105

# Where a field of an order stands in a request.
_PARAMS = {"prompt": "messages", "variables": "fusion.variables", "preset": "model"}


class Refused(Exception):
    """A request that is not served, or a run that came to nothing.

    `param` is the path of the field at fault. `fusion` says more of the run, where there is one; `retry_after_s` is when
    to ask again, in seconds, and `may_retry` whether a client may do so by itself.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        code: str | None = None,
        param: str | None = None,
        fusion: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
        may_retry: bool = True,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.code, self.param = status, message, kind, code, param
        self.fusion, self.retry_after_s, self.may_retry = fusion, retry_after_s, may_retry

    @property
    def body(self) -> dict[str, Any]:
        """Give the error as the OpenAI API has it, with what is known of the run beside it."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error, **({"fusion": self.fusion} if self.fusion else {})}


def response_of(refused: Refused) -> HttpResponse:
    """Give the response that says so."""
    response = HttpResponse(
        orjson.dumps(refused.body), status=refused.status, content_type="application/json"
    )
    if refused.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if refused.retry_after_s is not None:
        response["Retry-After"] = str(refused.retry_after_s)
    if not refused.may_retry:
        response["x-should-retry"] = "false"
    return response


def invalid(
    message: str, param: str, code: str | None = "invalid_value", *, params: Mapping[str, str] = _PARAMS
) -> Refused:
    """Give the refusal of one field."""
    return Refused(400, message, param=params.get(param, param), code=code)


def unsupported(name: str, why: str = "") -> Refused:
    """Give the refusal of a parameter that cannot be honoured."""
    message = f"Unsupported parameter: '{name}' is not supported here. {why}".strip()
    return Refused(400, message, param=name, code="unsupported_parameter")


def unknown_model(name: str) -> Refused:
    """Give the refusal of a model that does not exist, or is not the caller's."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return Refused(404, message, param="model", code="model_not_found")


def busy(wait_s: float) -> Refused:
    """Give the refusal of a token that calls too often."""
    wait = math.ceil(wait_s)
    message = f"Too many calls with this token. Try again in {wait} s."
    return Refused(429, message, kind="requests", code="rate_limit_exceeded", retry_after_s=wait)


def refused_by(error: Exception, request: HttpRequest) -> Refused:
    """Give the refusal that an exception stands for; one that nobody expected is logged and told as ours."""
    if isinstance(error, Refused):
        return error
    for kind, said in _SAID.items():
        if isinstance(error, kind):
            return said(error)
    log.error("a call of /v1 failed: %s %s", request.method, request.path, exc_info=error)
    return Refused(500, "Something went wrong on this site. It has been noted.", kind=SERVER_ERROR)


def _fields(error: Invalid) -> Refused:
    """Tell of the first field at fault; the others come up when it is mended."""
    param, (message, *_) = next(iter(error.fields.items()))
    if message in {NOT_OVER, OPEN_ALREADY}:
        return Refused(409, message, param="previous_response_id", code="not_over", retry_after_s=2)
    return invalid(message, param)


def _limit(error: LimitReached) -> Refused:
    if not isinstance(error, OverBudget):
        code = "rate_limit_exceeded"
        return Refused(429, str(error), kind="requests", code=code, retry_after_s=LIMIT_RETRY_S)
    code = "insufficient_quota"
    wait = LIMIT_RETRY_S if error.may_pass else None
    return Refused(429, str(error), kind=code, code=code, retry_after_s=wait, may_retry=error.may_pass)


def _key_reused(error: KeyReused) -> Refused:
    message = "This Idempotency-Key was used with another body."
    return Refused(409, message, code="idempotency_key_reused", may_retry=False)


def _too_large(error: RequestDataTooBig) -> Refused:
    return Refused(413, TOO_LARGE, code="request_too_large")


def _soon(message: str) -> Callable[[Any], Refused]:
    def said(error: Exception) -> Refused:
        return Refused(503, message or str(error), kind=SERVER_ERROR, retry_after_s=RETRY_AFTER_S)

    return said


def _forbidden(error: PermissionDenied) -> Refused:
    return Refused(403, str(error) or "You may not do this.", code="permission_denied")


_AWAY = "The site's database is away or overloaded. Try again in a few seconds."
_SAID: dict[type[Exception], Callable[[Any], Refused]] = {
    Invalid: _fields,
    LimitReached: _limit,
    KeyReused: _key_reused,
    RequestDataTooBig: _too_large,
    PermissionDenied: _forbidden,
    Draining: _soon(""),
    **dict.fromkeys(DISTURBED, _soon(_AWAY)),
}
