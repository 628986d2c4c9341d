"""What can go wrong for one request, in the shape the OpenAI API gives its errors."""

from __future__ import annotations

from typing import Any


class HostFailure(Exception):
    """One request's failure: HTTP status, OpenAI error type and code, and a sentence that a person understands."""

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.kind = kind
        self.param = param
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The JSON body `{"error": {message, type, param, code}}`."""
        return {
            "error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code},
        }


def bad_request(message: str, param: str | None = None, code: str = "invalid_value") -> HostFailure:
    """The request itself is wrong; asking again unchanged cannot help."""
    return HostFailure(400, code, message, param=param)


def template_failed(reason: str) -> HostFailure:
    """The model's chat template broke at these messages; the same ones would break it again."""
    message = f"The model's chat template fails on these messages: {reason}. Whoever runs this host can set another template."
    return HostFailure(400, "template_error", message, param="messages")


def template_refused(reason: str) -> HostFailure:
    """The model's chat template itself refuses these messages."""
    message = f"The model's chat template refuses these messages: {reason}"
    return HostFailure(400, "template_refused", message, param="messages")


def context_exceeded(prompt: int, context: int) -> HostFailure:
    """The prompt leaves no room in the context for even one new token."""
    message = (
        f"This model's maximum context length is {context} tokens. However, your messages resulted in "
        f"{prompt} tokens, which leaves no room for an answer. Please shorten the messages."
    )
    return HostFailure(400, "context_length_exceeded", message, param="messages")


def wrong_key() -> HostFailure:
    """The bearer key is missing or not this host's."""
    return HostFailure(401, "invalid_api_key", "The key of this Compact host is missing or wrong.")


def unknown_model(asked: str, offered: str) -> HostFailure:
    """Another model was asked for than the one in memory."""
    return HostFailure(
        404, "model_not_found", f"There is no model '{asked}' here; this host has '{offered}'.", param="model"
    )


def too_large(limit: int) -> HostFailure:
    """The request body is over `limit` bytes."""
    return HostFailure(413, "request_too_large", f"The request is larger than {limit // 1024 // 1024} MiB.")


def not_ready(state: str, reason: str | None) -> HostFailure:
    """The model is still loading, or the host is going down."""
    message = (
        "The Compact model is still loading." if state == "loading" else f"The Compact host failed: {reason}"
    )
    code = "model_loading" if state == "loading" else "model_failed"
    return HostFailure(503, code, message, kind="service_unavailable", retry_after=1)


def queue_full(waiting: int) -> HostFailure:
    """More requests wait already than this host lets wait."""
    message = f"{waiting} requests are waiting for the Compact model already. Please try again later."
    return HostFailure(503, "queue_full", message, kind="overloaded", retry_after=5)


def broken(message: str, code: str = "model_error") -> HostFailure:
    """The model could not go on with this request, through no fault of the request."""
    return HostFailure(500, code, message, kind="server_error")
