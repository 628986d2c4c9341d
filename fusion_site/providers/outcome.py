"""How a reply ended, in one of the seven outcomes, with the reason a person is told."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.engine.asking import AskError, ErrorKind, Outcome
from fusion_site.providers.errors import sentence
from fusion_site.providers.reply import Reply
from fusion_site.providers.shapes import one_line

TRUNCATING = {"length", "max_tokens", "model_length", "max_output_tokens"}
FILTERING = {"content_filter", "safety", "refusal", "recitation", "prohibited_content", "blocklist"}
FAILING = {"error", "malformed_function_call"}


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome of a reply. `error` is a reason wherever there is one to tell, not only for `error`.

    `unconfirmed` marks a complete text that nothing but its clean end vouches for, or that lost a frame.
    """

    outcome: Outcome
    error: AskError | None = None
    unconfirmed: bool = False


def ending_of(reply: Reply, clean: bool) -> Ending:
    """Give the ending of a reply that was read to its end; `clean` says whether the body ended as HTTP wants it.

    A finish reason proves an end. [DONE] does so only together with a clean end of the body, since
    llama_cpp.server sends it when it cuts a stream short, and then breaks the chunked encoding.
    """
    if reply.error is not None:
        return Ending(Outcome.ERROR, reply.error)
    if reply.finish in FAILING:
        message = sentence(ErrorKind.UPSTREAM, one_line(reply.native_finish, 80))
        return Ending(Outcome.ERROR, AskError(ErrorKind.UPSTREAM, message, True, provider=reply.provider))
    if reply.refusal or reply.finish in FILTERING:
        return Ending(Outcome.FILTERED, _filtered(reply))
    if reply.finish:
        return _finished(reply)
    if reply.done and clean:
        return Ending(Outcome.COMPLETE, unconfirmed=True) if reply.has_text else Ending(Outcome.EMPTY)
    return _cut(reply, clean)


def _finished(reply: Reply) -> Ending:
    if reply.finish in TRUNCATING and not reply.has_text:
        return Ending(Outcome.EMPTY, _spent(reply))
    if reply.finish in TRUNCATING:
        return Ending(Outcome.TRUNCATED)
    if not reply.has_text:
        return Ending(Outcome.EMPTY)
    return Ending(Outcome.COMPLETE, unconfirmed=reply.malformed > 0)


def _cut(reply: Reply, clean: bool) -> Ending:
    """No finish reason, no trustworthy [DONE]: something was lost, or nothing was ever there."""
    if reply.events or reply.done:
        reason = "the stream ended before the answer was finished"
        return Ending(Outcome.INTERRUPTED, _error(ErrorKind.NETWORK, reason, retryable=True))
    if not clean:
        reason = "it was dropped before the answer began"
        return Ending(Outcome.ERROR, _error(ErrorKind.NETWORK, reason, retryable=True))
    if reply.malformed:
        return Ending(Outcome.ERROR, _error(ErrorKind.PROTOCOL, "its stream holds no readable event"))
    # llama_cpp.server answers like this when the prompt does not fit its context.
    reason = "it said OK and sent nothing; the prompt may be longer than the model's context"
    return Ending(Outcome.ERROR, _error(ErrorKind.PROTOCOL, reason))


def _filtered(reply: Reply) -> AskError:
    if reply.refusal:
        return AskError(ErrorKind.MODERATION, f"The model declined: {one_line(reply.refusal, 300)}")
    return AskError(ErrorKind.MODERATION, "A content filter cut the answer short.", provider=reply.provider)


def _spent(reply: Reply) -> AskError:
    """The whole token budget went before the first word, mostly into reasoning."""
    spent = "on reasoning " if reply.has_reasoning or reply.usage.reasoning_tokens else ""
    message = f"The model used up its token budget {spent}before it wrote an answer. Raise max_tokens."
    return AskError(ErrorKind.BAD_REQUEST, message)


def _error(kind: ErrorKind, reason: str, retryable: bool = False) -> AskError:
    return AskError(kind, sentence(kind, reason), retryable)
