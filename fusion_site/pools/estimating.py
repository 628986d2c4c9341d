"""What a run may cost, before it is made: from the catalogue's prices, and never a zero where a price is unknown."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils import timezone

from fusion_site.engine.asking import ModelRef
from fusion_site.engine.judging import JUDGE_TOKENS
from fusion_site.engine.merging import MERGE_TOKENS, MERGED_AT_MOST
from fusion_site.engine.needs import NEEDS_TOKENS
from fusion_site.engine.scoring import SCORE_TOKENS, asks_needs, most_scores
from fusion_site.engine.settings import FusionSettings, Member, Mode
from fusion_site.engine.sight import seen_by, tokens_of
from fusion_site.engine.thread import conversation, messages_for
from fusion_site.pools.models import CatalogueModel, Connection
from fusion_site.providers import FREE, Prices
from fusion_site.providers.prices import Rates
from fusion_site.providers.request import DEFAULT_MAX_TOKENS

# English prose in the tokenizers of the large vendors; code and other languages take more tokens.
CHARS_PER_TOKEN = 3.5
# A short answer: what the low end assumes that each member writes.
SHORT_ANSWER_TOKENS = 250
# The judge's task, rules and schema.
_JUDGE_CHARS = 6000


@dataclass(frozen=True)
class Estimate:
    """US dollars from a lucky to an unlucky run. None is unknown: for `low`, no price of a member is known; for `high`, not all are.

    `first_usd` is the high end of the members' first answers alone, as far as prices are known; `unpriced` names the
    models without one.
    """

    low_usd: Decimal | None
    high_usd: Decimal | None
    first_usd: Decimal
    unpriced: tuple[str, ...]

    def most_usd(self, budget_usd: Decimal | None) -> Decimal | None:
        """Give what a run may cost that begins no further call once it has spent `budget_usd`; None is unknown.

        The members are asked at once, before any of them has cost anything, and so may pass the budget together.
        """
        if budget_usd is None:
            return self.high_usd
        bound = max(budget_usd, self.first_usd)
        return bound if self.high_usd is None else min(self.high_usd, bound)


@dataclass(frozen=True)
class _Call:
    """One request: who is asked, and the tokens that go in and may come out."""

    model: ModelRef
    prompt: int
    completion: int


Lengths = Mapping[ModelRef, int]


def estimate(settings: FusionSettings, usual: Lengths | None = None) -> Estimate:
    """Give what a run of these settings may cost.

    Low: every member writes as many tokens as is `usual` for its model, else a short answer, and no judge is needed.
    High: every member and the judge write as much as they may, in every round, and what the judge writes cannot be read,
    so that it and then its fallback are asked again. The prompt's tokens are its characters
    by 3.5. Where prices differ by the hour, low takes those of now and high the highest. This machine's own models cost
    nothing.
    """
    return _estimate(_member_calls(settings, usual or {}), _all_calls(settings), len(settings.members))


def estimate_again(
    settings: FusionSettings, asked: Collection[int], *, judged: bool, written: Sequence[int] = ()
) -> Estimate:
    """Give what a later pass may cost in which these members, by their index, are asked again, and all is judged or not.

    Low: answers of `written` characters are compared, and merged, with few words; without them it is unknown.
    """
    members = [member for member in settings.members if member.index in asked]
    calls = [_Call(m.model, _asked(settings, m), _longest(m)) for m in members]
    if judged and len(settings.members) > 1:
        calls += _judge_calls(settings, sum(_longest(member) for member in settings.members))
    likely = _likely_judge_calls(settings, [_tokens(chars) for chars in written]) if written else []
    return _estimate(likely, calls, len(members))


def _estimate(likely: Sequence[_Call], most: Sequence[_Call], firsts: int) -> Estimate:
    """Price the calls of a lucky and of an unlucky run, of which the first ones are made at once."""
    prices, now = _prices({call.model for call in most}), timezone.now()
    known = [c for call in likely if (c := _cost(call, prices[call.model].at(call.prompt, now))) is not None]
    costs = [_cost(call, prices[call.model].most(call.prompt)) for call in most]
    unpriced = (call.model.model for call, cost in zip(most, costs, strict=True) if cost is None)
    return Estimate(
        low_usd=sum(known, Decimal(0)) if known else None,
        high_usd=None if None in costs else _sum(costs),
        first_usd=_sum(costs[:firsts]),
        unpriced=tuple(dict.fromkeys(unpriced)),
    )


def _sum(costs: Iterable[Decimal | None]) -> Decimal:
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def _all_calls(settings: FusionSettings) -> list[_Call]:
    """Give every call that a run may make, the members' first answers first."""
    answers = sum(_longest(member) for member in settings.members)
    calls = [_Call(m.model, _asked(settings, m), _longest(m)) for m in settings.members]
    if settings.mode is Mode.DEBATE:
        debate = [_Call(m.model, _asked(settings, m) + answers, _longest(m)) for m in settings.members]
        calls += debate * settings.debate_rounds
    if len(settings.members) > 1:
        calls += _judge_calls(settings, answers)
    return calls


def _member_calls(settings: FusionSettings, usual: Lengths) -> list[_Call]:
    return [
        _Call(m.model, _asked(settings, m), min(usual.get(m.model, SHORT_ANSWER_TOKENS), _longest(m)))
        for m in settings.members
    ]


def _judge_calls(settings: FusionSettings, answers: int) -> list[_Call]:
    before = sum(len(said["content"]) for said in conversation(settings))
    asked = _tokens(_JUDGE_CHARS + before + len(settings.question) + len(settings.judge.instructions))
    asked += sum(map(tokens_of, settings.pictures))
    model, fallback = settings.judge.model, settings.judge.fallback
    calls = _early_calls(settings, asked)
    calls += _verdict_calls(model, fallback, asked + answers) * (2 if settings.judge.swap_check else 1)
    if settings.judge.second is not None:
        calls += _verdict_calls(settings.judge.second, None, asked + answers) * 2
    if settings.mode is not Mode.MERGE and not settings.guided:
        return calls
    longest = sorted((_longest(member) for member in settings.members), reverse=True)
    longest = longest if settings.guided else longest[:MERGED_AT_MOST]
    calls += [_Call(each, asked + sum(longest), MERGE_TOKENS) for each in (model, fallback) if each]
    if settings.do_no_harm:
        calls += _verdict_calls(model, fallback, asked + MERGE_TOKENS + longest[0]) * 2
    return calls


def _verdict_calls(model: ModelRef, fallback: ModelRef | None, prompt: int) -> list[_Call]:
    """Give the calls of one comparison in one order where no reply can be read: asked, shown its reply, the fallback asked."""
    calls = [_Call(model, prompt, JUDGE_TOKENS), _Call(model, prompt + JUDGE_TOKENS, JUDGE_TOKENS)]
    return [*calls, _Call(fallback, prompt, JUDGE_TOKENS)] if fallback else calls


def _likely_judge_calls(settings: FusionSettings, written: Sequence[int]) -> list[_Call]:
    """Give the calls that compare answers of so many tokens, and merge the best, where nothing has to be asked twice."""
    model, longest = settings.judge.model, sorted(written, reverse=True)[:MERGED_AT_MOST]
    asked = _tokens(_JUDGE_CHARS + len(settings.question) + len(settings.judge.instructions))
    compare = _Call(model, asked + sum(written), SHORT_ANSWER_TOKENS)
    merge = [_Call(model, asked + sum(longest), longest[0])] if settings.mode is Mode.MERGE else []
    return [compare] * (2 if settings.judge.swap_check else 1) + merge


def _early_calls(settings: FusionSettings, asked: int) -> list[_Call]:
    """Give the calls that the judge may be asked while members still write, for the longest answers."""
    judge, most = settings.judge.model, most_scores(settings)
    longest = sorted((_longest(member) for member in settings.members), reverse=True)[:most]
    needs = [_Call(judge, asked, NEEDS_TOKENS)] if asks_needs(settings) else []
    return [*needs, *(_Call(judge, asked + length, SCORE_TOKENS) for length in longest)]


def _asked(settings: FusionSettings, member: Member) -> int:
    messages = seen_by(messages_for(settings, member), member.model, settings.blind)
    pictures = sum(tokens_of(picture) for message in messages for picture in message.pictures)
    return _tokens(sum(len(message.content) for message in messages)) + pictures


def _tokens(chars: int) -> int:
    return math.ceil(chars / CHARS_PER_TOKEN)


def _longest(member: Member) -> int:
    return member.sampling.max_tokens or DEFAULT_MAX_TOKENS


def _cost(call: _Call, rates: Rates) -> Decimal | None:
    prompt, completion = rates
    return (
        None if prompt is None or completion is None else call.prompt * prompt + call.completion * completion
    )


def _prices(models: Iterable[ModelRef]) -> dict[ModelRef, Prices]:
    """Give the prices of each model, unknown ones included."""
    models = set(models)
    local = _local_hosts({model.connection for model in models})
    prices = {model: FREE for model in models if model.connection in local}
    wanted = [Q(connection=model.connection, model=model.model) for model in models - prices.keys()]
    rows = CatalogueModel.objects.filter(reduce(or_, wanted)) if wanted else CatalogueModel.objects.none()
    prices |= {ModelRef(row.connection_id, row.model): row.prices for row in rows}
    return {model: prices.get(model, Prices()) for model in models}


def _local_hosts(ids: set[str]) -> set[str]:
    return {row.pk for row in Connection.objects.filter(pk__in=ids) if row.is_local_host}
