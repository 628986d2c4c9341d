"""What is ordered, as it would be asked: before it is a run, and before all of it is written."""

from __future__ import annotations

from fusion_site.engine.asking import Message
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.sight import pictures_in
from fusion_site.pools.freezing import freeze
from fusion_site.pools.models import Preset
from fusion_site.pools.sight import sighted
from fusion_site.runs.flows.start import Order


def settings_so_far(preset: Preset, order: Order) -> FusionSettings | None:
    """Give the settings of a run of what stands there so far, its texts as one; None while no member is on."""
    members = {str(pk) for pk in preset.pool.members.values_list("pk", flat=True)}
    if members <= set(order.without):
        return None
    written = [turn.content for turn in order.messages] or [order.prompt]
    text = "\n".join([preset.template, *written, *order.variables.values()])
    pictures = pictures_in(order.messages) if order.messages else order.pictures
    settings = freeze(
        preset,
        (Message("user", text, tuple(pictures)),),
        mode=order.mode,
        guided=order.guided,
        judge=order.judge,
        without=order.without,
        seed=0,
    )
    return sighted(settings, order.kept_from)
