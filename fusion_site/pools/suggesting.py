"""Which of a team's models to put together: of different families, and of much the same class.

Models of one family are wrong together, so that each family is taken once before any comes again. Members should be of
like strength; what a model costs is the one sign of that which every catalogue gives, so that of each family the model is
taken whose price is nearest to what the others cost. Scripted models only stand in where there are no others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from math import log
from statistics import median

from fusion_site.accounts.models import Team
from fusion_site.pools.leaving import refusal_of
from fusion_site.pools.models import CatalogueModel, PoolMember
from fusion_site.pools.picking import Wanted, choosable, family

# More rows than any one catalogue has at the time of writing, several times over.
_MOST_ROWS = 5000
_LEAST_WINDOW = 8000
# Words in the ids of what answers no questions, and of what asks other models itself.
_NO_CHAT = re.compile(
    r"(^|[^a-z])(embed\w*|whisper|tts|dall|moderation|rerank\w*|guard|ocr|image|audio|transcribe|auto|fusion|router|judge)([^a-z]|$)"
)
_JUDGE = re.compile(r"rehearsal/judge$")


def suggested(team: Team, count: int) -> tuple[list[CatalogueModel], CatalogueModel | None]:
    """Give `count` members (fewer only if there is nothing at all) and a judge, rather of a family that is no member."""
    rows = list(choosable(team, Wanted())[:_MOST_ROWS])
    refused = {where for where in {row.connection for row in rows} if refusal_of(team, where)}
    usable = [row for row in rows if row.connection not in refused]
    real = [row for row in usable if not row.connection.is_rehearsal]
    fit = [row for row in real or usable if _may_answer(row)]
    ranked = _ranked(fit, _used(team))
    if not ranked:
        return [], None
    members = (ranked * count)[:count]
    return members, _judge(ranked, members, usable if not real else [])


def _may_answer(row: CatalogueModel) -> bool:
    takes_text = row.input_modalities is None or "text" in row.input_modalities
    is_long = row.context_length is None or row.context_length >= _LEAST_WINDOW
    return takes_text and is_long and not _NO_CHAT.search(row.model.casefold())


def _used(team: Team) -> Counter[tuple[str, str]]:
    """Count in how many places of the team's pools each model stands: these are known to work, and to be wanted."""
    rows = PoolMember.objects.filter(pool__team=team).values_list("connection", "model")[:_MOST_ROWS]
    return Counter((connection, model) for connection, model in rows)


def _ranked(rows: Sequence[CatalogueModel], used: Counter[tuple[str, str]]) -> list[CatalogueModel]:
    """Give all in the order in which to take them: the best of each family, then the second of each, and so on."""
    target = _usual_price(rows, used)
    by_family: dict[str, list[CatalogueModel]] = {}
    for row in sorted(rows, key=lambda row: _rank(row, used, target)):
        by_family.setdefault(family(row), []).append(row)
    sizes = sorted(by_family.values(), key=lambda each: (-_uses(each[0], used), -len(each), each[0].model))
    deepest = max(map(len, sizes), default=0)
    return [each[at] for at in range(deepest) for each in sizes if at < len(each)]


def _rank(row: CatalogueModel, used: Counter[tuple[str, str]], target: float | None) -> tuple[object, ...]:
    return (-_uses(row, used), _distance(row, target), row.model, row.connection_id)


def _uses(row: CatalogueModel, used: Counter[tuple[str, str]]) -> int:
    return used[row.connection_id, row.model]


def _usual_price(rows: Sequence[CatalogueModel], used: Counter[tuple[str, str]]) -> float | None:
    """Give what the models that the team uses cost in the middle, as a logarithm; else what all do."""
    prices = [(row, _price(row)) for row in rows]
    known = [(row, price) for row, price in prices if price is not None]
    own = [price for row, price in known if _uses(row, used)]
    return median(own or [price for _, price in known]) if known else None


def _price(row: CatalogueModel) -> float | None:
    price: Decimal | None = row.completion_price
    return log(price) if price else None


def _distance(row: CatalogueModel, target: float | None) -> float:
    """Give how far a model's price is from the usual one; one without a price comes after those with one."""
    price = _price(row)
    return float("inf") if price is None or target is None else abs(price - target)


def _judge(
    ranked: Sequence[CatalogueModel], members: Sequence[CatalogueModel], scripted: Sequence[CatalogueModel]
) -> CatalogueModel:
    """Give a judge of another family than the members', else of another model, else one of them."""
    if own := [row for row in scripted if _JUDGE.search(row.model)]:
        return own[0]
    families, models = {family(row) for row in members}, {row.model for row in members}
    others = [row for row in ranked if family(row) not in families]
    return next(iter(others or [row for row in ranked if row.model not in models]), members[0])
