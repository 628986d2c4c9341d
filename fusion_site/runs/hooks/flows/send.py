"""Sending what is due, again and again over about a day until it is taken.

A delivery is taken by moving its time on, before anything is sent: whoever is killed while sending leaves it to be sent
anew, with the same id.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from fusion_site.accounts.sealing import SealBroken
from fusion_site.ops.log_facts import carrying
from fusion_site.ops.querying import DISTURBED, query
from fusion_site.pools import reaching
from fusion_site.pools.leaving import fault_of_target
from fusion_site.providers import AskFailed
from fusion_site.runs.hooks.body import body_of
from fusion_site.runs.hooks.flows.turn_off import FAILED_LONG, FAILING_FOR, GONE, tell_owners, turn_off
from fusion_site.runs.hooks.models import Delivery, Hook, Outcome
from fusion_site.runs.hooks.secrets import signed_headers

log = logging.getLogger(__name__)

# How long a receiver may take to answer, in seconds.
WITHIN_S = 10.0
# After this long nothing is to be heard any more of who was sending.
LEASE = timedelta(seconds=30)
AT_ONCE = 16
# The pauses after each failed attempt: 23.6 hours in all, in ten attempts. A test is sent once.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=8),
)
KEPT_FOR = timedelta(days=30)
_GONE_STATUS = 410
FAILED_INSIDE = "This site failed while it made the message; the details are in its log."
RUN_GONE = "The run was deleted for good before this was sent."
CLOSED_SECRET = "The webhook's secret cannot be opened on this site; give it a new one."  # noqa: S105


@dataclass(frozen=True)
class _Message:
    """All that one attempt sends."""

    url: str
    headers: dict[str, str]
    body: bytes


class _NotSent(Exception):
    """What keeps an attempt from being made."""


async def send_due(now: datetime | None = None) -> int:
    """Send some of what is due; gives how many were tried."""
    taken = await query(_taken, now or timezone.now())
    await asyncio.gather(*(_send(each, now) for each in taken))
    return len(taken)


async def _send(delivery: Delivery, now: datetime | None) -> None:
    status, error = await _attempt(delivery, now or timezone.now())
    hook = await query(_settled, delivery, status, error, now or timezone.now())
    if hook is not None:
        await asyncio.to_thread(tell_owners, hook)


async def _attempt(delivery: Delivery, now: datetime) -> tuple[int | None, str]:
    """Try once; gives the status of the answer, if there was one, and why it was not taken."""
    try:
        message = await query(_message, delivery, now)
        status = await reaching.providers().notify(message.url, message.headers, message.body, WITHIN_S)
    except (_NotSent, AskFailed) as failed:
        return None, failed.error.message if isinstance(failed, AskFailed) else str(failed)
    except DISTURBED:
        raise  # it is sent when the database is back
    except Exception:
        # One that cannot be made must not keep the others from being sent.
        log.exception("a webhook's message failed inside", extra=carrying(webhook=delivery.hook_id))
        return None, FAILED_INSIDE
    return status, _fault_in(status)


def _fault_in(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return f"The receiver answered {status}." + (" Redirects are not followed." if status // 100 == 3 else "")


def _taken(now: datetime) -> list[Delivery]:
    """Take what is due, the oldest first; nobody else sends the same meanwhile."""
    due = Delivery.objects.filter(due_at__lte=now, hook__is_on=True, hook__team__removal_at=None)
    found = due.select_related("hook__team").order_by("due_at", "pk")[:AT_ONCE]
    return [each for each in found if _is_mine(each, now)]


def _is_mine(delivery: Delivery, now: datetime) -> bool:
    same = Delivery.objects.filter(pk=delivery.pk, due_at=delivery.due_at)
    delivery.attempts += 1
    return same.update(due_at=now + LEASE, attempts=delivery.attempts, last_at=now) > 0


def _message(delivery: Delivery, now: datetime) -> _Message:
    hook = delivery.hook
    if fault := fault_of_target(hook.team, hook.url):
        raise _NotSent(fault)
    if (body := body_of(delivery)) is None:
        raise _NotSent(RUN_GONE)
    try:
        headers = signed_headers(hook, delivery.message_id, now, body)
    except SealBroken:
        raise _NotSent(CLOSED_SECRET) from None
    return _Message(hook.url, headers, body)


@transaction.atomic
def _settled(delivery: Delivery, status: int | None, error: str, now: datetime) -> Hook | None:
    """Keep what came of an attempt; gives the hook if that turned it off. What somebody has taken over is left alone."""
    hook = Hook.objects.select_for_update(no_key=True).filter(pk=delivery.hook_id).first()
    mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts, outcome="")
    pause = _pause(delivery)
    is_over = not error or pause is None or status == _GONE_STATUS
    fields = {
        "status": status,
        "error": error[:300],
        "due_at": None if pause is None or is_over else now + pause,
    }
    fields["outcome"] = "" if not is_over else Outcome.FAILED if error else Outcome.DELIVERED
    if not mine.update(**fields) or hook is None:
        return None
    if not error:
        Hook.objects.filter(pk=hook.pk).exclude(failing_since=None).update(failing_since=None)
    return hook if error and delivery.run_id and _failed(hook, status, now) else None


def _pause(delivery: Delivery) -> timedelta | None:
    """Give how long to wait after this attempt; None where it is the last."""
    pauses = PAUSES if delivery.run_id else ()
    return pauses[delivery.attempts - 1] if delivery.attempts <= len(pauses) else None


def _failed(hook: Hook, status: int | None, now: datetime) -> bool:
    """Note a failure; gives whether it turned the hook off."""
    if hook.failing_since is None:
        hook.failing_since = now
        hook.save(update_fields=["failing_since"])
    if not hook.is_on or (status != _GONE_STATUS and now - hook.failing_since < FAILING_FOR):
        return False
    turn_off(hook, GONE if status == _GONE_STATUS else FAILED_LONG)
    log.info("a webhook was turned off", extra=carrying(webhook=hook.pk, team=hook.team_id))
    return True


def forget_deliveries(now: datetime) -> int:
    """Forget what was settled 30 days before `now`; gives how many."""
    old = Delivery.objects.filter(created_at__lt=now - KEPT_FOR, due_at=None)
    return old.filter(pk__in=list(old.order_by("created_at").values_list("pk", flat=True)[:1000])).delete()[0]
