"""A chore of many processes is done by one of them at a time, and by another one soon after that one has died."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fusion_site.runs.execution.duty import on_duty
from fusion_site.runs.execution.upkeep import Upkeep
from fusion_site.runs.models import Duty

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_of_many_has_the_turn_and_keeps_it() -> None:
    assert on_duty("bills", "first", 10)
    assert not on_duty("bills", "second", 10)
    assert on_duty("bills", "first", 10)
    assert on_duty("catalogues", "second", 10)


def test_the_turn_of_one_that_is_silent_passes_on() -> None:
    assert on_duty("bills", "first", 10)
    Duty.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert on_duty("bills", "second", 10)
    assert not on_duty("bills", "first", 10)


async def test_a_chore_is_done_by_whoever_has_the_turn() -> None:
    done: list[str] = []

    def chore_of(owner: str | None) -> object:
        async def chore() -> None:
            done.append(owner or "alone")

        return Upkeep(None, owner=owner)._in_turn("bills", chore)()

    for owner in ("first", "second", None, "first"):
        await chore_of(owner)  # type: ignore[misc]
    assert done == ["first", "alone", "first"]
