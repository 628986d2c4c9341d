"""The matrix: every door × everybody. What is forbidden looks exactly like what is absent, and nothing happens."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.access.doors import BY_PRESET, Door, all_doors, all_sockets
from tests.access.rules import ALLAUTH, NOTHING, OPEN, RULES, SOCKETS, UNTAKEN, Rule
from tests.access.scene import CANARY, CAST, KEY, OUTSIDERS, Answer, Scene


def test_every_door_has_a_rule_and_every_rule_a_door() -> None:
    assert {str(door) for door in all_doors()} == set(RULES)
    assert set(all_sockets()) == set(SOCKETS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", CAST)
def test_every_door_opens_to_whom_it_should_and_looks_absent_to_strangers(scene: Scene, who: str) -> None:
    """All faults at once: a scene takes longer to set than a door to try."""
    before, asked = scene.rows(), len(scene.upstream.ledger)
    faults = []
    for door in _doors_to_try():
        rule = RULES[str(door)]
        if rule is not ALLAUTH and (rule is not UNTAKEN or who == "alice"):
            faults += [f"{who}: {door}: {fault}" for fault in _faults(scene, door, rule, who, before)]
        if who not in rule.allowed and len(scene.upstream.ledger) != asked:
            faults.append(f"{who}: {door}: something was asked upstream")
        asked = len(scene.upstream.ledger)
    assert faults == []


def _doors_to_try() -> list[Door]:
    """Give all doors; where FUSION_TEST_DOORS says how many are enough, so many, drawn by FUSION_TEST_SEED."""
    doors = all_doors()
    count = int(os.environ.get("FUSION_TEST_DOORS", "0"))
    seed = os.environ.get("FUSION_TEST_SEED", "9")
    return random.Random(seed).sample(doors, count) if 0 < count < len(doors) else doors


def _faults(scene: Scene, door: Door, rule: Rule, who: str, before: str) -> Iterator[str]:
    """Say what is wrong with how one person fares at one door."""
    answer, rows = scene.try_door(door, who)
    yield from _shown(door, rule, who, answer)
    if who in rule.allowed:
        if answer.is_refused:
            yield f"is refused with {answer.status}"
    elif who != "charlie" or door.names_an_object or not rule.allowed:
        if rows != before:
            yield "changed rows, though it was refused"
        yield from _told_apart(scene, door, rule, who, answer)


def _shown(door: Door, rule: Rule, who: str, answer: Answer) -> Iterator[str]:
    """Say what an answer shows that it may not, whoever asked and in whichever team."""
    insiders = set(rule.allowed) - set(OUTSIDERS)
    if answer.status >= 500 and "sign-on" not in door.path:  # there the team's own service is away
        yield f"fails with {answer.status}"
    if KEY in answer.body + repr(answer.headers):
        yield "shows the key"
    if CANARY in answer.body and rule is not OPEN and who not in insiders:
        yield "shows something of the team"


def _told_apart(scene: Scene, door: Door, rule: Rule, who: str, answer: Answer) -> Iterator[str]:
    """Say how a refusal is another than it has to be, or than it is for what is not there."""
    led_astray = answer.status == 302 and not answer.is_sent_to_sign_in
    if led_astray or answer.status != _refusal(door, rule, who, answer.is_sent_to_sign_in):
        yield f"is answered with {answer.status}"
    if (who in OUTSIDERS or rule.hidden) and not door.is_behind_a_link:
        nothing, _ = scene.try_door(door, who, absent=True)
        if nothing != answer:
            yield f"differs from what is absent: {answer} / {nothing}"


def _refusal(door: Door, rule: Rule, who: str, sent_to_sign_in: bool) -> int:
    """Give the status with which this person is to be refused at a door."""
    if rule is UNTAKEN:
        return 405
    if door.is_behind_a_link and rule.hidden:
        return 404
    if who == "nobody" and rule is not NOTHING:
        return 302 if door.surface == "page" else 401
    if sent_to_sign_in and rule is NOTHING and who == "nobody":
        return 302
    if who == "charlie" and str(door) in BY_PRESET:
        return 422  # beside the field that names the preset, as for one that is not there
    return 404 if who == "charlie" or rule.hidden else 403
