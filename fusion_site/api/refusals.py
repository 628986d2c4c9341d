"""How the doors for programs say no: always `{error: {kind, message, fields}}`, whatever went wrong and wherever.

Kinds are the closed list of the engine's ErrorKind, so that a program needs to know one vocabulary only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as Unfit
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from fusion_site.accounts.conflict import Conflict
from fusion_site.engine.asking import ErrorKind
from fusion_site.ops.draining import RETRY_AFTER_S, Draining
from fusion_site.ops.querying import DISTURBED
from fusion_site.pools import invalid
from fusion_site.pools.invalid import Errors, InUse, Invalid
from fusion_site.providers.endpoint import AskFailed

log = logging.getLogger(__name__)

# The one table of what each status is called.
KINDS = {
    400: ErrorKind.BAD_REQUEST,
    401: ErrorKind.AUTH,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.BAD_REQUEST,
    409: ErrorKind.BAD_REQUEST,
    413: ErrorKind.TOO_LARGE,
    422: ErrorKind.BAD_REQUEST,
    429: ErrorKind.RATE_LIMIT,
    500: ErrorKind.SERVER,
    503: ErrorKind.OVERLOADED,
}

NOT_FOUND = "There is nothing at this address."
SOME_FIELDS = "Some fields cannot be taken as they are."
NOT_JSON = "The body is not valid JSON."

# What pydantic calls a fault, in the words that forms use for the same fault.
_WORDS = {
    "missing": invalid.REQUIRED,
    "string_type": invalid.NOT_TEXT,
    "float_type": invalid.NOT_A_NUMBER,
    "float_parsing": invalid.NOT_A_NUMBER,
    "finite_number": invalid.NOT_A_NUMBER,
    "int_type": invalid.NOT_WHOLE,
    "int_parsing": invalid.NOT_WHOLE,
    "int_from_float": invalid.NOT_WHOLE,
    "int_parsing_size": invalid.NOT_WHOLE,
    "decimal_type": invalid.NOT_MONEY,
    "decimal_parsing": invalid.NOT_MONEY,
    "bool_type": invalid.NOT_A_FLAG,
    "bool_parsing": invalid.NOT_A_FLAG,
    "list_type": invalid.NOT_A_LIST,
    "dict_type": invalid.NOT_AN_OBJECT,
    "model_type": invalid.NOT_AN_OBJECT,
    "model_attributes_type": invalid.NOT_AN_OBJECT,
    "extra_forbidden": invalid.UNKNOWN_FIELD,
}


def refusal(
    status: int, message: str, fields: Mapping[str, list[str]] | None = None, *, kind: ErrorKind | None = None
) -> HttpResponse:
    """Give an error as every door answers it."""
    error = {"kind": kind or KINDS[status], "message": message, "fields": dict(fields or {})}
    return HttpResponse(orjson.dumps({"error": error}), status=status, content_type="application/json")


def answer_in_our_words(api: NinjaAPI) -> None:
    """Make `api` answer every exception by a refusal."""
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)


def _invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return refusal(422, SOME_FIELDS, error.fields)


def _unfit(request: HttpRequest, error: Unfit) -> HttpResponse:
    """Answer what the forms of the room of teams have refused."""
    return refusal(422, SOME_FIELDS, error.message_dict)


def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer what the schema refused; a fault of the body as a whole has no field to stand at."""
    fields: Errors = {}
    whole = ""
    for fault in error.errors:
        path, words = _path(fault["loc"]), _in_words(fault)
        if path:
            fields.setdefault(path, []).append(words)
        else:
            whole = words
    return refusal(422, whole or SOME_FIELDS, fields)


def _path(loc: tuple[str | int, ...]) -> str:
    """Give where a fault is: without the word for the source, and for a body without the view's parameter name."""
    return ".".join(str(part) for part in loc[2 if loc[0] == "body" else 1 :])


def _in_words(fault: Mapping[str, Any]) -> str:
    context = fault.get("ctx", {})
    match fault["type"]:
        case "literal_error":
            return invalid.one_of([word.strip("'") for word in _listed(context["expected"])])
        case "greater_than_equal":
            return f"Must be at least {context['ge']}."
        case "less_than_equal":
            return f"Must be at most {context['le']}."
        case kind:
            return _WORDS.get(kind, str(fault["msg"]))


def _listed(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _conflict(request: HttpRequest, error: Exception) -> HttpResponse:
    return refusal(409, str(error))


def _absent(request: HttpRequest, error: Http404) -> HttpResponse:
    return refusal(404, NOT_FOUND)


def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return refusal(403, str(error) or "You may not do this.")


def _unknown_caller(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = refusal(401, "Send a valid token of this site: Authorization: Bearer fus_…")
    response["WWW-Authenticate"] = "Bearer"
    return response


def _throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    wait = math.ceil(error.wait or 1)
    response = refusal(429, f"Too many calls with this token. Try again in {wait} s.")
    response["Retry-After"] = str(wait)
    return response


def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return refusal(413, "The body is larger than this site takes.")


def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer what ninja refuses itself, of which a body that cannot be parsed is the one case left here."""
    return refusal(error.status_code, NOT_JSON if error.status_code == 400 else error.message)


def _draining(request: HttpRequest, error: Draining) -> HttpResponse:
    return _soon(refusal(503, str(error)))


def _disturbed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer that the database is away, or has no connection free for one more."""
    log.error("the database did not serve: %s %s", request.method, request.path, exc_info=error)
    return _soon(refusal(503, "The site's database is away or overloaded. Try again in a few seconds."))


def _soon(response: HttpResponse) -> HttpResponse:
    response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _unreached(request: HttpRequest, error: AskFailed) -> HttpResponse:
    """Answer that the team's own upstream failed, in the words and the kind that it has on a run."""
    return refusal(502, error.error.message, kind=error.error.kind)


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("an API call failed: %s %s", request.method, request.path, exc_info=error)
    return refusal(500, "Something went wrong on this site. It has been noted.")


_HANDLERS: dict[type[Exception], Any] = {
    Invalid: _invalid,
    ValidationError: _malformed,
    InUse: _conflict,
    Conflict: _conflict,
    Unfit: _unfit,
    Http404: _absent,
    PermissionDenied: _forbidden,
    AuthenticationError: _unknown_caller,
    Throttled: _throttled,
    RequestDataTooBig: _too_large,
    HttpError: _unreadable,
    AskFailed: _unreached,
    Draining: _draining,
    **dict.fromkeys(DISTURBED, _disturbed),
    Exception: _broken,
}
