"""What another site can make a browser send: every page that takes a POST refuses it, and nothing changes."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from tests.access.doors import all_doors
from tests.access.rules import RULES, UNTAKEN
from tests.access.scene import Scene, undone

POSTS = [
    door
    for door in all_doors()
    if (door.surface, door.method) == ("page", "POST")
    and RULES[str(door)] is not UNTAKEN
    # What lies behind a share link acts for nobody who is signed in: whoever has the link may do it from anywhere.
    and not door.is_behind_a_link
]


@pytest.mark.django_db(transaction=True)
def test_no_page_takes_a_form_of_another_site(scene: Scene) -> None:
    """Alice, who may do everything, is signed in; her browser sends the cookies, but no token that the page gave it."""
    before, taken = scene.rows(), []
    assert len(POSTS) > 60
    for door in POSTS:
        client = Client(enforce_csrf_checks=True)
        client.cookies[settings.SESSION_COOKIE_NAME] = scene.sessions["alice"]
        with undone():
            response = client.post(
                scene.address(door), {"name": "Taken over"}, headers={"origin": "https://evil.example"}
            )
            if response.status_code != 403 or scene.rows() != before:
                taken.append(f"{door}: {response.status_code}")
    assert taken == []
    assert scene.upstream.ledger[-1].model in {"ada", "bea", "cyd", "judge"}


@pytest.mark.django_db(transaction=True)
def test_no_door_for_programs_takes_a_browsers_cookie(scene: Scene) -> None:
    """They want a token in a header, which another site cannot send, and so they need no other guard."""
    before, taken = scene.rows(), []
    programs = [door for door in all_doors() if door.surface != "page" and RULES[str(door)].allowed]
    for door in programs:
        if "nobody" in RULES[str(door)].allowed:
            continue
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = scene.sessions["alice"]
        with undone():
            response = client.generic(door.method, scene.address(door), "{}", "application/json")
            if response.status_code != 401 or scene.rows() != before:
                taken.append(f"{door}: {response.status_code}")
    assert taken == []
