"""Starting a run: everything it will use is frozen and stored before anything is asked."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings as site
from django.db import transaction
from django.utils import timezone

from fusion_site.accounts.models import Team, User
from fusion_site.engine.asking import Message, ModelRef, Picture
from fusion_site.engine.settings import FusionSettings, Mode
from fusion_site.engine.sight import pictures_in
from fusion_site.engine.turns import History
from fusion_site.ops.draining import refuse_while_draining
from fusion_site.pools.ad_hoc import AdHoc
from fusion_site.pools.estimating import estimate
from fusion_site.pools.flows.keep_version import pinned
from fusion_site.pools.freezing import freeze, freeze_ad_hoc
from fusion_site.pools.invalid import REQUIRED, UNSTORABLE, Invalid
from fusion_site.pools.models import Judge, Named, Pool, Preset
from fusion_site.pools.prompting import fill_template
from fusion_site.pools.reading import is_storable
from fusion_site.pools.sight import sighted
from fusion_site.runs.attached.files import check_pictures
from fusion_site.runs.flows.accept import accept
from fusion_site.runs.flows.following import Followed, followed
from fusion_site.runs.limits import check_budget, check_cap, check_parallel, check_waiting, hold
from fusion_site.runs.models import Run
from fusion_site.runs.queue import queue
from fusion_site.runs.spent import kept_cost
from fusion_site.runs.titles import title_of
from fusion_site.runs.today import seen_of

KEY_KEPT = timedelta(hours=24)
NOT_AFTER = "Only a follow-up has a history: say after which run it comes."
POOL_CHANGED = "The pool of this preset has changed meanwhile. Choose its members again."
NOBODY = "Leave at least one member on."
NOBODY_SEES = "No member that is asked can see pictures. Choose another preset, or take the pictures out."
PROMPT_ONLY = "A follow-up has a prompt; what was said before is its thread."
NO_TEMPLATE = (
    "A follow-up is asked as it is written: the preset's template is for the first turn of a thread."
)


@dataclass(frozen=True)
class Order:
    """What a person or a program asks for. Either `prompt` or `messages`, which end with a user turn.

    In the place of a `preset` may stand a pool that a program names for this one run; it is merged, and heeds `sampling` alone.

    `sampling` holds settings that take the place of every member's own, as `pools.sampling` reads them.
    With `guided` the run waits before its final step for a choice of what is kept. Whoever has a person before them says
    so, and heeds the preset's own `guided`; what a program starts waits for nobody.
    With `after`, a run that is over, it is a follow-up: the thread of that run goes on with `prompt`, and `history` says
    how (None is with the fused answers). A template is for the first turn of a thread, so there are no variables then.
    One that is `as_written` was filled into a template already, and has its `title` from before. With `seen`, as `today.seen_of` gives it, exactly those
    settings are to be used, or nothing is asked.

    `pictures` go with the prompt. Models in `kept_from` are sent none, beside those that are known to read none. For this run
    alone `judge` takes the place of the preset's, and the members of the pool whose rows' ids are in `without` are not asked.
    """

    preset: Preset | AdHoc
    prompt: str = ""
    messages: Sequence[Message] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    mode: Mode | None = None
    guided: bool = False
    idempotency_key: str | None = None
    after: Run | None = None
    history: History | None = None
    as_written: bool = False
    title: str = ""
    seen: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()
    kept_from: Collection[ModelRef] = ()
    judge: Judge | None = None
    without: Collection[str] = ()

    @property
    def digest(self) -> str:
        """Give a hash of everything but the key: the same order has the same one."""
        parts = [
            self.preset.identity if isinstance(self.preset, AdHoc) else self.preset.pk,
            self.prompt,
            [[m.role, m.content, *(p.sha256 for p in m.pictures)] for m in self.messages],
            dict(self.variables),
            self.mode,
            *([{"guided": True}] if self.guided else []),
            *([{"as_written": True, "seen": self.seen}] if self.as_written else []),
            *([self.after.pk, self.history or History.FUSED] if self.after else []),
            *([{"sampling": dict(self.sampling)}] if self.sampling else []),
            *([self._changed] if any(self._changed) else []),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def _changed(self) -> list[object]:
        """What stands beside the words for this run alone."""
        kept_from = sorted([each.connection, each.model] for each in self.kept_from)
        return [
            [picture.sha256 for picture in self.pictures],
            kept_from,
            self.judge.pk if self.judge else "",
            sorted(self.without),
        ]


class KeyReused(Exception):
    """The idempotency key has been used for another order within the last 24 hours."""


class ChangedSince(Exception):
    """What the run was to use has changed since somebody looked; nothing was stored."""

    def __init__(self) -> None:
        super().__init__("The preset, its pool or its judge has changed since you looked. Look again.")


def start_run(person: User, team: Team, order: Order) -> Run:
    """Store a run and have it worked on; the same idempotency key gives the same run again.

    Raises Invalid (with a message for each field), LimitReached, KeyReused, ChangedSince, or Draining.
    """
    refuse_while_draining()
    # The run that it follows up may go on by now: the same order is answered all the same.
    if order.after and (earlier := _earlier(person, order)) is not None:
        return earlier
    thread = _thread(order, team)
    messages = _messages(order, thread)
    with transaction.atomic():
        team = hold(person, team)
        if (earlier := _earlier(person, order)) is not None:
            return earlier
        check_parallel(person, team)
        settings = _frozen(order, messages)
        if order.seen and order.seen != seen_of(settings):
            raise ChangedSince
        if settings.guided:
            check_waiting(person, team)
        settings = _sighted(order, thread.joined(settings) if thread else settings)
        most_usd = _reserved(team, settings)
        after = thread.fields(settings) if thread else {}
        title = order.title or title_of(_typed(order))
        fields = {"team": team, "person": person, "title": title, **_origin(order), **_key(order), **after}
        run = accept(settings, reserved_usd=most_usd, **fields)
        queue().submit(run.pk)
    return run


def _frozen(order: Order, messages: Sequence[Message]) -> FusionSettings:
    seed = secrets.randbits(48)
    if isinstance(order.preset, AdHoc):
        return freeze_ad_hoc(order.preset, messages, params=order.sampling, seed=seed)
    return _frozen_preset(order, order.preset, messages, seed)


def _frozen_preset(order: Order, preset: Preset, messages: Sequence[Message], seed: int) -> FusionSettings:
    """Give the settings, of which the run pins the versions.

    A pool's members are read by themselves: one that was changed since the pool was read is read again as a whole.
    """
    pool = preset.pool
    _check_members(order, pool)
    while True:
        settings = freeze(
            preset,
            messages,
            mode=order.mode,
            guided=order.guided,
            params=order.sampling,
            judge=order.judge,
            without=order.without,
            seed=seed,
        )
        version = pool.version
        pool.refresh_from_db()
        if pool.version == version:
            return settings


def _check_members(order: Order, pool: Pool) -> None:
    """Refuse a choice of members that was made of a pool which is another one by now, or leaves nobody."""
    if not order.without:
        return
    there = {str(pk) for pk in pool.members.values_list("pk", flat=True)}
    if not set(order.without) <= there:
        raise Invalid({"members": [POOL_CHANGED]})
    if there == set(order.without):
        raise Invalid({"members": [NOBODY]})


def _sighted(order: Order, settings: FusionSettings) -> FusionSettings:
    """Settle who is sent the pictures; a prompt that comes with some is for somebody who can see them."""
    settings = sighted(settings, order.kept_from)
    if pictures_in(settings.messages) and all(m.model in settings.blind for m in settings.members):
        raise Invalid({"pictures": [NOBODY_SEES]})
    return settings


def _thread(order: Order, team: Team) -> Followed | None:
    """Give the thread that a follow-up goes on with, and make sure that nothing is given which would be ignored."""
    if order.after is None:
        if order.history is not None:
            raise Invalid({"history": [NOT_AFTER]})
        return None
    if order.messages:
        raise Invalid({"messages": [PROMPT_ONLY]})
    if order.variables:
        raise Invalid({"variables": [NO_TEMPLATE]})
    return followed(order.after, order.history or History.FUSED, team)


def _typed(order: Order) -> str:
    """Give what the person wrote, before it is filled into a template."""
    return order.messages[-1].content if order.messages else order.prompt


def _messages(order: Order, thread: Followed | None) -> tuple[Message, ...]:
    """Give what is to be asked; the last turn is filled into the preset's template, where it is the first of a thread."""
    *before, last = order.messages or (Message("user", order.prompt, tuple(order.pictures)),)
    name = "messages" if order.messages else "prompt"
    if not last.content.strip():
        raise Invalid({name: [REQUIRED]})
    template = "" if thread or order.as_written else order.preset.template
    turns = (*before, replace(last, content=fill_template(template, last.content, order.variables)))
    check_pictures(pictures_in(turns))
    size = sum(len(m.content) for m in turns)
    if size > site.FUSION_PROMPT_CHARS:
        raise Invalid({name: [f"Use at most {site.FUSION_PROMPT_CHARS:,} characters (this has {size:,})."]})
    if not all(is_storable(m.content) for m in turns):
        raise Invalid({name: [UNSTORABLE]})
    return (*thread.system, *turns) if thread else turns


def _earlier(person: User, order: Order) -> Run | None:
    """Give the run that this key made already; a key older than 24 hours is free again."""
    if order.idempotency_key is None:
        return None
    same = Run.every.filter(person=person, idempotency_key=order.idempotency_key)
    same.filter(created_at__lt=timezone.now() - KEY_KEPT).update(idempotency_key=None)
    run = same.first()
    if run is not None and run.idempotency_digest != order.digest:
        raise KeyReused
    return run


def _reserved(team: Team, settings: FusionSettings) -> Decimal | None:
    """Give what is held back for the run, which the team's budget has room for."""
    found = estimate(settings)
    most_usd = kept_cost(found.most_usd(settings.budget_usd))
    check_cap(team, most_usd, found)
    check_budget(team, most_usd, found)
    return most_usd


def _origin(order: Order) -> dict[str, Any]:
    """Give what the run's row says of where its settings come from."""
    preset = order.preset
    if isinstance(preset, AdHoc):
        return {}
    rows: list[tuple[str, Named]] = [
        ("preset", preset),
        ("pool", preset.pool),
        ("judge", order.judge or preset.judge),
    ]
    return {
        "preset": preset,
        "preset_name": preset.name,
        "pinned": {name: pinned(row) for name, row in rows},
        "pinned_pool": preset.pool_id,
    }


def _key(order: Order) -> dict[str, Any]:
    """Give what the run's row says of the key by which it is found again."""
    key = order.idempotency_key
    return {"idempotency_key": key, "idempotency_digest": order.digest if key else ""}
