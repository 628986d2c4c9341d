"""Rows as the plain data that the flows take: what is saved reads back as what could be given again.

Both the REST doors and the edit forms show exactly this; a PATCH and a copy are this with some fields replaced.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fusion_site.pools.models import Connection, Judge, Named, Pool, PoolMember, Preset

Plain = dict[str, Any]


def plain_connection(row: Connection) -> Plain:
    """Give what may be changed of a connection; its key is not among it and cannot be read back."""
    return {"name": row.name, "kind": row.kind, "base_url": row.base_url or None, "parallel": row.parallel}


def plain_pool(row: Pool) -> Plain:
    """Give a pool with its members in order."""
    return {
        "name": row.name,
        "zero_retention": row.zero_retention,
        "members": [_member(member) for member in row.members.all()],
    }


def _member(row: PoolMember) -> Plain:
    return {
        "connection": row.connection_id,
        "model": row.model,
        "label": row.label,
        "system": row.system,
        "aspect": row.aspect,
        "required": row.required,
        "deadline_s": row.deadline_s,
        "params": row.params,
    }


def plain_judge(row: Judge) -> Plain:
    """Give a judge with its criteria."""
    return {
        "name": row.name,
        "connection": row.connection_id,
        "model": row.model,
        "fallback_connection": row.fallback_connection_id,
        "fallback_model": row.fallback_model or None,
        "second_connection": row.second_connection_id,
        "second_model": row.second_model or None,
        "criteria": row.criteria,
        "instructions": row.instructions,
        "swap_check": row.swap_check,
    }


def plain_preset(row: Preset) -> Plain:
    """Give a preset; its budget is a decimal string."""
    return {
        "name": row.name,
        "slug": row.slug,
        "pool": row.pool_id,
        "judge": row.judge_id,
        "mode": row.mode,
        "quorum": row.quorum,
        "grace": row.grace,
        "deadline_s": row.deadline_s,
        "debate_rounds": row.debate_rounds,
        "budget_usd": money_text(row.budget_usd),
        "do_no_harm": row.do_no_harm,
        "guided": row.guided,
        "template": row.template,
    }


def plain(row: Named) -> Plain:
    """Give any of the four as plain data."""
    if isinstance(row, Connection):
        return plain_connection(row)
    if isinstance(row, Pool):
        return plain_pool(row)
    if isinstance(row, Judge):
        return plain_judge(row)
    if isinstance(row, Preset):
        return plain_preset(row)
    raise TypeError(f"{type(row).__name__} is nothing that this room keeps")


def money_text(amount: Decimal | None) -> str | None:
    """Give US dollars as a decimal string without needless zeros or an exponent; None stays unknown."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
