"""Which models read pictures, as far as their connections have told."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import reduce
from operator import or_

from django.db.models import Q

from fusion_site.engine.asking import ModelRef
from fusion_site.engine.settings import FusionSettings
from fusion_site.pools.models import CatalogueModel, Connection, Kind

# What this site hosts or plays itself reads text alone.
_TEXT_ONLY = (Kind.COMPACT, Kind.REHEARSAL)


def sights_of(models: Iterable[ModelRef]) -> dict[ModelRef, bool | None]:
    """Say of each model whether it reads pictures; None where nobody has told."""
    wanted = set(models)
    hosts = {model.connection for model in wanted}
    blind = set(Connection.objects.filter(pk__in=hosts, kind__in=_TEXT_ONLY).values_list("pk", flat=True))
    asked = reduce(or_, (Q(connection=m.connection, model=m.model) for m in wanted), Q(pk__in=[]))
    told = CatalogueModel.objects.filter(asked).only("connection", "model", "input_modalities")
    known = {ModelRef(model.connection_id, model.model): model.sees for model in told}
    return {model: False if model.connection in blind else known.get(model) for model in wanted}


def sighted(settings: FusionSettings, kept_from: Collection[ModelRef] = ()) -> FusionSettings:
    """Give the settings with the models that are sent none of their pictures: who cannot read them, and `kept_from`.

    One of which nobody knows is sent them: only asking tells.
    """
    if not settings.pictures:
        return settings
    sights = sights_of(asked_in(settings))
    blind = tuple(m for m in asked_in(settings) if sights[m] is False or m in kept_from)
    return replace(settings, blind=blind)


def asked_in(settings: FusionSettings) -> list[ModelRef]:
    """Give the models that a run may ask, each once: its members', then its judge's."""
    judge = settings.judge
    models = [*(m.model for m in settings.members), judge.model, judge.fallback, judge.second]
    return list(dict.fromkeys(model for model in models if model is not None))
