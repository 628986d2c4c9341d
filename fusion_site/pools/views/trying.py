"""The box in which the Compact model is tried: a prompt in, its answer as it is written out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_POST

from fusion_site.accounts.access import asigned_in, current_membership
from fusion_site.engine.asking import Ask, AskFinished, AskText, Message, ModelRef, Outcome, Sampling
from fusion_site.pages.figures import count, duration
from fusion_site.pages.words import outcome_word
from fusion_site.pools.compact_page import model_of, own_connection
from fusion_site.pools.reaching import asker

LONGEST_PROMPT = 8000
MOST_TOKENS = 1024
# Between the text of the model and the site's own word on how it ended; no model may write it.
BREAK = "\x1e"


@asigned_in
@require_POST
async def try_it(request: HttpRequest) -> HttpResponseBase:
    """Stream the model's answer as plain text, then BREAK and one line on how it ended. Hanging up stops the model."""
    connection = await sync_to_async(own_connection)(await sync_to_async(current_membership)(request))
    if connection is None:
        raise Http404
    prompt = request.POST.get("prompt", "").strip()
    if not prompt or len(prompt) > LONGEST_PROMPT:
        said = f"Write a prompt of at most {LONGEST_PROMPT:,} characters."
        return HttpResponse(BREAK + said, status=422, content_type="text/plain; charset=utf-8")
    model = await sync_to_async(model_of)(connection)
    ask = Ask(ModelRef(connection.pk, model), (Message("user", prompt),), Sampling(max_tokens=MOST_TOKENS))
    return StreamingHttpResponse(_told(ask), content_type="text/plain; charset=utf-8")


async def _told(ask: Ask) -> AsyncIterator[str]:
    async with aclosing(asker().ask(ask)) as events:
        async for event in events:
            if isinstance(event, AskText):
                yield event.text.replace(BREAK, "")
            elif isinstance(event, AskFinished):
                yield BREAK + _ending(event)


def _ending(event: AskFinished) -> str:
    if event.error is not None:
        return event.error.message
    how = "The answer is complete" if event.outcome == Outcome.COMPLETE else outcome_word(event.outcome.value)
    tokens = f"{count(event.usage.completion_tokens)} tokens"
    return f"{how}: {tokens} in {duration(event.total_ms)}, the first after {duration(event.first_token_ms)}."
