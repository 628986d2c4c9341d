"""What a call costs, where the server does not say so itself."""

from __future__ import annotations

from decimal import Decimal

from fusion_site.engine.asking import Usage


def cost_of(usage: Usage, prompt_price: Decimal | None, completion_price: Decimal | None) -> Decimal | None:
    """Give the cost in USD of a call by its tokens and the prices in USD per token; None if anything is unknown.

    Reasoning tokens are part of `completion_tokens` and are not added again. A price of zero makes its side
    free, counted or not.
    """
    prompt = _side(usage.prompt_tokens, prompt_price)
    completion = _side(usage.completion_tokens, completion_price)
    return None if prompt is None or completion is None else prompt + completion


def _side(tokens: int | None, price: Decimal | None) -> Decimal | None:
    if price is None:
        return None
    if price == 0:
        return Decimal(0)
    return None if tokens is None else tokens * price
