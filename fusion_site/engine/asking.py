"""The seam between the fusion method and the models: one ask in, a stream of what happened out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

# What the ask of the running task is for, by round and member or by the judge's step: for whoever logs it.
ASKED_FOR: ContextVar[str] = ContextVar("asked_for", default="")


class Outcome(StrEnum):
    """How one ask ended; the only seven ways there are."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    FILTERED = "filtered"
    EMPTY = "empty"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    ERROR = "error"


class ErrorKind(StrEnum):
    """Why an ask failed, in words that do not depend on the vendor."""

    AUTH = "auth"
    BILLING = "billing"
    PERMISSION = "permission"
    MODERATION = "moderation"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    UPSTREAM = "upstream"
    TIMEOUT = "timeout"
    NETWORK = "network"
    PROTOCOL = "protocol"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class AskError:
    """A failure as a person reads it: `message` is one plain sentence and never holds a key.

    `asked` is False where rules of this side forbade to ask at all: then the model has not failed.
    """

    kind: ErrorKind
    message: str
    retryable: bool = False
    status: int | None = None
    provider: str | None = None
    retry_after: float | None = None
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; None is unknown, which is not zero."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model, reached through which connection (the connection's id)."""

    connection: str
    model: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that goes with a turn. `kind` is its media type, such as `image/png`; the size is in pixels.

    `sha256` names the bytes, in hex; `data` are the bytes, where they are at hand: what is kept of a run names them alone.
    """

    name: str
    kind: str
    width: int
    height: int
    sha256: str
    data: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation that a model is shown: text, and the pictures that go with a user's turn."""

    role: Literal["system", "user", "assistant"]
    content: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model should write; None leaves the choice to the server."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to one model. `messages` ends with a user turn.

    `deadline_s` bounds the ask from the moment it leaves the queue, in seconds; None is the provider's
    own default. `json_schema` asks for a reply of that shape from servers which can promise it.
    `zero_retention` lets only those answer that keep nothing of what they are sent, where the connection can tell.
    """

    model: ModelRef
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    deadline_s: float | None = None
    json_schema: dict[str, object] | None = None
    zero_retention: bool = False


@dataclass(frozen=True, slots=True)
class AskQueued:
    """The ask waits for a free place on its connection, or after AskStarted in its server's own queue, where its clocks
    stand until the AskAccepted that says that the server has begun. `place` counts from 1.
    """

    place: int


@dataclass(frozen=True, slots=True)
class AskStarted:
    """The ask has left the queue: its clocks run and its request is about to be sent.

    Nothing leaves before the event after this one is asked for.
    """


@dataclass(frozen=True, slots=True)
class AskRetrying:
    """The request failed before any content came and will be sent again in `after_s` seconds."""

    after_s: float
    error: AskError


@dataclass(frozen=True, slots=True)
class AskResending:
    """The request is about to be sent again, and not before the event after this one is asked for.

    `was_lost` says that the connection broke under the one before: it may have been read, and may be billed.
    """

    was_lost: bool = False


@dataclass(frozen=True, slots=True)
class AskAccepted:
    """The server has taken the ask on, and from now on may bill it; each one says all that is known so far.

    `generation_id` is the name by which an OpenRouter call can be asked for afterwards, when its stream was cut.
    After a retry what an earlier request was told no longer counts.
    """

    generation_id: str | None = None
    provider: str | None = None
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class AskText:
    """The next piece of the answer, exactly as the server sent it."""

    text: str


@dataclass(frozen=True, slots=True)
class AskReasoning:
    """The next piece of the model's visible reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class AskFinished:
    """The one last event of an ask; the text is the concatenation of the AskText events before it."""

    outcome: Outcome
    error: AskError | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    served_model: str | None = None
    provider: str | None = None
    unconfirmed: bool = False
    first_token_ms: int | None = None
    total_ms: int | None = None


AskEvent = (
    AskQueued | AskStarted | AskRetrying | AskResending | AskAccepted | AskText | AskReasoning | AskFinished
)


class Asker(Protocol):
    """Asks models. Implemented over HTTP by `providers`, and by scripts in the engine's own tests."""

    def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`, ending with exactly one AskFinished and never with an exception.

        Closing the generator early, or cancelling the task that reads it, drops the upstream connection
        at once; no AskFinished follows then.
        """
        ...

    async def read_ahead(self, ask: Ask) -> None:
        """Have the server read the messages of `ask`, so that one which begins alike is answered sooner.

        Only servers that do it for nothing are asked, and nothing is said of what comes of it. Cancelling it drops the
        connection; what was read by then is not lost.
        """
        ...


def ends_with_user(messages: Sequence[Message]) -> bool:
    """Whether a message list may be sent: several servers refuse one that ends with a model's turn."""
    return bool(messages) and messages[-1].role == "user"
