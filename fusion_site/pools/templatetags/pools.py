"""What the pages of this room say with `{% load pools %}`."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.template import Context, Library

from fusion_site.pools.compact_choice import CLOSED, is_closed
from fusion_site.pools.drafts import Field, Fields
from fusion_site.pools.flows.keep_version import kind_of
from fusion_site.pools.freezing import label_of
from fusion_site.pools.keys import key_words
from fusion_site.pools.leaving import refusal_of
from fusion_site.pools.models import Connection, Named, Pool, Preset
from fusion_site.pools.picking import facts_of, is_free, is_local
from fusion_site.pools.starter_sets import STARTER_SETS, StarterSet

register = Library()

register.filter("model_facts", facts_of)
register.filter("is_free_model", is_free)
register.filter("is_local", is_local)
register.filter("member_label", label_of)
register.filter("key_words", key_words)

_ALWAYS_SEEN = {"connection", "model", "label", "aspect"}
_OFF = {"", "0"}


@register.filter
def is_detailed(member: Fields) -> bool:
    """Whether something is set, or wrong, in the folded part of a member's form, so that it should stand open."""
    return _is_used(member, ("system", "required", "deadline_s")) or is_sampled(member)


@register.filter
def is_sampled(member: Fields) -> bool:
    """Whether something is set, or wrong, among a member's sampling settings."""
    params = member["params"]
    assert isinstance(params, Fields)
    return _is_used(params, params)


@register.filter
def has_understudy(judge: Fields) -> bool:
    """Whether a judge's form names a fallback or a second judge, or is wrong there."""
    names = [f"{which}_{part}" for which in ("fallback", "second") for part in ("connection", "model")]
    return _is_used(judge, names)


def _is_used(fields: Fields, names: Iterable[str]) -> bool:
    found = [fields[name] for name in names]
    return any(isinstance(field, Field) and (field.value not in _OFF or field.errors) for field in found)


@register.simple_tag(takes_context=True)
def known_facts(context: Context, connection: str, model: str) -> str:
    """Give what the catalogue tells of the model that a form names; nothing where it lists none."""
    known: dict[tuple[str, str], str] = context["known"]
    return known.get((connection, model), "")


@register.filter
def is_scripted(thing: Pool | Preset | Connection) -> bool:
    """Whether rehearsal models have a part in it, which has to be said wherever it appears."""
    if isinstance(thing, Connection):
        return thing.is_rehearsal
    if isinstance(thing, Preset):
        return thing.judge.connection.is_rehearsal or is_scripted(thing.pool)
    return any(member.connection.is_rehearsal for member in thing.members.all())


@register.filter
def refusal(connection: Connection) -> str:
    """Say why the rules of its team, or the site's owner, let nothing be sent over a connection; mostly nothing."""
    if is_closed(connection):
        return CLOSED
    return refusal_of(connection.team, connection) or ""


@register.filter
def place(connection: Connection) -> str:
    """Give where a connection leads, short: the host of its address, or this machine."""
    return urlsplit(connection.base_url).netloc or "this machine"


@register.filter
def is_among(row_id: str, connections: Iterable[Connection]) -> bool:
    """Whether a form's value is one of those that are offered: if not, it must not seem to be the first of them."""
    return any(connection.pk == row_id for connection in connections)


@register.simple_tag
def starter_sets() -> tuple[StarterSet, ...]:
    """Give the sets that one can start from."""
    return STARTER_SETS


@register.filter
def kind_word(row: Named) -> str:
    """Give what a thing is called: Pool, Judge, Preset."""
    return kind_of(row).capitalize()


@register.filter
def slash(noun: str, verb: str) -> str:
    """Give the name of an address: `pool|slash:"edit"` is `edit_pool`."""
    return f"{verb}_{noun}"
