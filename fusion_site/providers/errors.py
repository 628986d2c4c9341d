"""From whatever went wrong to one AskError: its kind, whether trying again may help, and a plain sentence."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

import httpx

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.reports import Report
from fusion_site.providers.shapes import CUT, one_line
from fusion_site.providers.waits import retry_after

# What a shorter key looks like in another encoding may stand in any sentence.
_SHORTEST_CODED = 8
# So many characters of a key tell nothing of it, and any sentence may end with them.
_SHORTEST_BEGUN = 4
LEADS = {
    ErrorKind.AUTH: "The server refused the API key",
    ErrorKind.BILLING: "The account behind the key cannot pay for this request",
    ErrorKind.PERMISSION: "The key is not allowed to do this",
    ErrorKind.MODERATION: "A content filter refused the request",
    ErrorKind.NOT_FOUND: "The server does not know this model or address",
    ErrorKind.BAD_REQUEST: "The server did not accept the request",
    ErrorKind.CONTEXT_LENGTH: "The prompt is too long for this model",
    ErrorKind.TOO_LARGE: "The request is too large for this server",
    ErrorKind.RATE_LIMIT: "The server limits how often it may be asked",
    ErrorKind.OVERLOADED: "The model is overloaded",
    ErrorKind.UPSTREAM: "The model's provider failed",
    ErrorKind.TIMEOUT: "The server gave up waiting for the model",
    ErrorKind.NETWORK: "The connection failed",
    ErrorKind.PROTOCOL: "The server's reply could not be understood",
    ErrorKind.SERVER: "The server failed",
}

RETRYABLE = {
    ErrorKind.RATE_LIMIT,
    ErrorKind.OVERLOADED,
    ErrorKind.UPSTREAM,
    ErrorKind.TIMEOUT,
    ErrorKind.NETWORK,
    ErrorKind.SERVER,
}

# How a handshake fails in which the peer says nothing at all: by its end, or by our own clock.
SILENCE = (ssl.SSLEOFError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

# Codes that say more than a status. Words like "invalid_request_error" are left out: OpenAI sends that one
# with 401 and 404 as well, so there the status decides.
BY_CODE = {
    "authentication": ErrorKind.AUTH,
    "authentication_error": ErrorKind.AUTH,
    "invalid_api_key": ErrorKind.AUTH,
    "unauthenticated": ErrorKind.AUTH,
    "insufficient_quota": ErrorKind.BILLING,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "payment_required": ErrorKind.BILLING,
    "permission_denied": ErrorKind.PERMISSION,
    "permission_error": ErrorKind.PERMISSION,
    "privacy_restricted": ErrorKind.PERMISSION,
    "region_restricted": ErrorKind.PERMISSION,
    "content_filter": ErrorKind.MODERATION,
    "content_policy_violation": ErrorKind.MODERATION,
    "refusal": ErrorKind.MODERATION,
    "responsibleaipolicyviolation": ErrorKind.MODERATION,
    "constraint_filtered": ErrorKind.NOT_FOUND,
    "free_variant_ended": ErrorKind.NOT_FOUND,
    "model_deprecated": ErrorKind.NOT_FOUND,
    "model_not_found": ErrorKind.NOT_FOUND,
    "no_endpoints": ErrorKind.NOT_FOUND,
    "not_found": ErrorKind.NOT_FOUND,
    "not_found_error": ErrorKind.NOT_FOUND,
    "wrong_endpoint": ErrorKind.NOT_FOUND,
    "context_length_exceeded": ErrorKind.CONTEXT_LENGTH,
    "exceed_context_size_error": ErrorKind.CONTEXT_LENGTH,
    "token_limit_exceeded": ErrorKind.CONTEXT_LENGTH,
    "payload_too_large": ErrorKind.TOO_LARGE,
    "string_too_long": ErrorKind.TOO_LARGE,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "resource_exhausted": ErrorKind.RATE_LIMIT,
    "capacity_exhausted": ErrorKind.OVERLOADED,
    "engine_overloaded_error": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "provider_overloaded": ErrorKind.OVERLOADED,
    "temporarily_unavailable": ErrorKind.OVERLOADED,
    "unavailable_error": ErrorKind.OVERLOADED,
    "model_unavailable_upstream": ErrorKind.UPSTREAM,
    "provider_unavailable": ErrorKind.UPSTREAM,
    "timeout": ErrorKind.TIMEOUT,
}

# Codes that only speak where no status does.
BY_VAGUE_CODE = {
    "badrequesterror": ErrorKind.BAD_REQUEST,
    "invalid_argument": ErrorKind.BAD_REQUEST,
    "invalid_prompt": ErrorKind.BAD_REQUEST,
    "invalid_request": ErrorKind.BAD_REQUEST,
    "invalid_request_error": ErrorKind.BAD_REQUEST,
    "max_tokens_exceeded": ErrorKind.BAD_REQUEST,
    "unprocessable": ErrorKind.BAD_REQUEST,
    "api_error": ErrorKind.SERVER,
    "internal": ErrorKind.SERVER,
    "internal_server_error": ErrorKind.SERVER,
    "server": ErrorKind.SERVER,
    "server_error": ErrorKind.SERVER,
}

BY_STATUS = {
    400: ErrorKind.BAD_REQUEST,
    401: ErrorKind.AUTH,
    402: ErrorKind.BILLING,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    410: ErrorKind.NOT_FOUND,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    451: ErrorKind.PERMISSION,
    500: ErrorKind.SERVER,
    502: ErrorKind.UPSTREAM,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    524: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}

# Servers that report an overlong prompt in words only, or under a status of its own.
TOO_LONG = re.compile(
    r"maximum context length|context (window|length|size)|prompt is too long|exceeds? the (model'?s )?context",
    re.IGNORECASE,
)


def from_reply(status: int, headers: Mapping[str, str], report: Report) -> AskError:
    """Give the error of a reply that failed: by its HTTP status, or by an error body under HTTP 200."""
    effective = status if status >= 400 else report.status
    kind = _kind(effective, report)
    wait = retry_after(headers) if report.retry_after is None else report.retry_after
    retryable = kind in RETRYABLE if report.retryable is None else report.retryable
    provider = report.provider or one_line(headers.get("x-provider-name", ""), 80) or None
    return AskError(kind, sentence(kind, report.detail), retryable, effective, provider, wait)


def from_stream(report: Report, provider: str | None) -> AskError:
    """Give the error that a server reported inside its stream, under HTTP 200."""
    error = from_reply(200, {}, report)
    return replace(error, provider=error.provider or provider)


def from_exception(exc: httpx.HTTPError, where: str) -> AskError:
    """Give the error for what httpx raised before a reply came; `where` names the server to a person."""
    if tls := _tls_error(exc):
        return AskError(ErrorKind.NETWORK, f"No secure connection to {where}: {_tls_reason(tls)}.")
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout):
        return unreachable(where)
    if is_drop(exc):
        message = f"{where} dropped the connection before it answered."
        return AskError(ErrorKind.NETWORK, message, retryable=True)
    return AskError(ErrorKind.PROTOCOL, f"{where} did not answer in proper HTTP.")


def unreachable(where: str) -> AskError:
    """Give the one error for every connection that could not be made or was not allowed.

    It is the same for an unknown name, a refused port, a private address and a forbidden port, and always
    "retryable", so that nobody can map the network behind this site by asking.
    """
    message = (
        f"No connection to {where}. Check the address: it must be a public https server, "
        "or a host and port that the operator of this site has listed."
    )
    return AskError(ErrorKind.NETWORK, message, retryable=True)


def is_drop(exc: httpx.HTTPError) -> bool:
    """Whether the peer closed or reset the connection, as opposed to sending something that is not HTTP."""
    if isinstance(exc, httpx.RemoteProtocolError):
        return "disconnected" in str(exc) or "closed connection" in str(exc)
    return isinstance(exc, httpx.NetworkError)


def sentence(kind: ErrorKind, detail: str) -> str:
    """Give the sentence for `kind`, with what the server said after a colon."""
    return f"{LEADS[kind]}: {detail}" if detail else f"{LEADS[kind]}."


def redacted(error: AskError, secret: str | None) -> AskError:
    """Give `error` without the key, which some servers repeat in their message."""
    provider = without(secret, error.provider) if error.provider else error.provider
    return replace(error, message=without(secret, error.message), provider=provider)


def without(secret: str | None, text: str) -> str:
    """Give what a server said without the key: as it is, url-encoded, in hex, or in base64 (also of more than the key).

    What was said may have been cut to its length in the middle of the key: such an end is hidden as well.
    """
    forms = list(_forms(secret)) if secret else []
    for form in forms:
        text = text.replace(form, "[key]")
    said = text.removesuffix(CUT)
    begun = max((_begun(form, said) for form in forms), default=0)
    return text if begun < _SHORTEST_BEGUN else f"{said[:-begun]}[key]{text[len(said) :]}"


def _begun(form: str, text: str) -> int:
    """Give how many characters of the form's beginning the text ends with."""
    return next((length for length in range(len(form), 0, -1) if text.endswith(form[:length])), 0)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    if len(secret) < _SHORTEST_CODED:
        return
    raw = secret.encode()
    yield from (quote(secret, safe=""), quote(secret), raw.hex(), raw.hex().upper())
    for write in (base64.b64encode, base64.urlsafe_b64encode):
        yield write(raw).decode().rstrip("=")
        # Of a longer text, such as a whole header: what does not depend on what stands before and behind the key.
        for before in range(3):
            text = bytes(before) + raw
            yield write(text)[4 if before else 0 : len(text) // 3 * 4].decode()


def _kind(status: int | None, report: Report) -> ErrorKind:
    for code in report.codes:
        if code in BY_CODE:
            return BY_CODE[code]
    if report.moderated and status in (None, 400, 403):
        return ErrorKind.MODERATION
    if status in (None, 400, 413, 422, 500) and TOO_LONG.search(report.detail):
        return ErrorKind.CONTEXT_LENGTH
    if status is not None:
        return BY_STATUS.get(status) or (ErrorKind.BAD_REQUEST if status < 500 else ErrorKind.UPSTREAM)
    return next((BY_VAGUE_CODE[code] for code in report.codes if code in BY_VAGUE_CODE), ErrorKind.UPSTREAM)


def _tls_error(exc: BaseException) -> ssl.SSLError | None:
    """Give the TLS failure that `exc` was raised for; a peer that hangs up or says nothing in the handshake is none."""
    step: BaseException | None = exc
    while step is not None and not isinstance(step, ssl.SSLError):
        step = step.__cause__ or step.__context__
    return None if isinstance(step, SILENCE) else step


def _tls_reason(error: ssl.SSLError) -> str:
    if error.reason == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS there"
    reason = (
        getattr(error, "verify_message", "") or (error.reason or "unknown reason").replace("_", " ").lower()
    )
    return one_line(reason, 160)
