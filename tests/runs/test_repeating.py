"""A run names the versions it was made from; what has changed since is shown before the same is asked again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.engine.asking import Message
from fusion_site.pools.flows.delete import KEPT_FOR, delete, ends, forget_deleted
from fusion_site.pools.flows.restore import restore
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.freezing import freeze
from fusion_site.pools.models import Judge, Pool, Preset
from fusion_site.pools.plain import plain_pool
from fusion_site.runs.models import Run
from fusion_site.runs.today import today_of
from tests.api.conftest import Program, program_of
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, rebuilt, work
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]


@pytest.fixture
def place(desk: Desk) -> Membership:
    """Give bob's place."""
    return Membership.objects.select_related("team").get(user=desk.person, team=desk.team)


@pytest.fixture
def call(desk: Desk, program_of: Callable[[User | None], Program]) -> Program:
    """Give bob's program."""
    return program_of(desk.person)


@pytest.fixture
def ended(desk: Desk, upstream: Upstream) -> Run:
    """Give a run that is over."""
    all_answer(upstream)
    return work(desk.start("What is best?"))


def change_all(desk: Desk, place: Membership) -> None:
    """Take ada out of the pool, put dot in and change cyd; change the judge and the preset too."""
    pool = Pool.objects.get(pk=desk.preset.pool_id)
    _, bea, cyd = plain_pool(pool)["members"]
    dot = {**bea, "model": "dot", "label": "Dot"}
    save_pool(place, {"members": [bea, {**cyd, "system": "Be brief."}, dot]}, pool)
    save_judge(place, {"instructions": "Look twice."}, Judge.objects.get(pk=desk.preset.judge_id))
    save_preset(place, {"quorum": 2, "template": "Answer: {{prompt}}"}, desk.preset)


def test_a_run_pins_what_it_was_made_from(desk: Desk, place: Membership, call: Program, ended: Run) -> None:
    assert {noun: pin["version"] for noun, pin in ended.pinned.items()} == {
        "preset": 1,
        "pool": 1,
        "judge": 1,
    }
    assert rebuilt(ended).pinned == ended.pinned
    change_all(desk, place)
    later = Run.objects.get(pk=call("POST", "runs", {"preset": "best", "prompt": "And now?"}).json()["id"])
    assert {noun: pin["version"] for noun, pin in later.pinned.items()} == {
        "preset": 2,
        "pool": 2,
        "judge": 2,
    }
    pins = call("GET", f"runs/{ended.pk}").json()["pinned"]
    assert pins["pool"] == {"id": desk.preset.pool_id, "name": "Three", "version": 1}
    kept = call("GET", f"pools/{pins['pool']['id']}/versions/{pins['pool']['version']}").json()
    assert [member["model"] for member in kept["data"]["members"]] == ["ada", "bea", "cyd"]


def test_a_pool_that_changes_while_a_run_is_made_is_pinned_as_it_was_used(
    desk: Desk, place: Membership
) -> None:
    """The preset was read before somebody saved its pool: members and pinned version are of the same moment."""
    assert desk.preset.pool.version == 0
    desk.change(quorum=2)
    pool = Pool.objects.get(pk=desk.preset.pool_id)
    save_pool(place, {"members": plain_pool(pool)["members"][:2], "name": "Two"}, pool)
    run = desk.start()
    assert [member["label"] for member in run.settings["members"]] == ["Ada", "Bea"]
    assert (run.pinned["pool"]["name"], run.pinned["pool"]["version"]) == ("Two", 2)


def test_a_pool_that_is_saved_in_the_middle_is_read_again_as_a_whole(
    desk: Desk, place: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL somebody may save it between the reading of its members and that of its version."""
    pool = Pool.objects.get(pk=desk.preset.pool_id)
    name, first = "fusion_site.runs.flows.start.freeze", freeze

    def freeze_and_save(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(name, first)
        settings = first(*given, **more)
        members = plain_pool(pool)["members"]
        save_pool(place, {"members": [*members[:2], {**members[2], "label": "Later"}]}, pool)
        return settings

    monkeypatch.setattr(name, freeze_and_save)
    run = desk.start()
    assert (run.settings["members"][2]["label"], run.pinned["pool"]["version"]) == ("Later", 2)


def test_what_changed_since_is_told_by_page_and_rest(
    desk: Desk, place: Membership, call: Program, ended: Run, client_for: Callable[..., Client]
) -> None:
    assert call("GET", f"runs/{ended.pk}/again").json()["changes"] == []
    browser = client_for(desk.person)
    assert "the same models would be asked" in browser.get(f"/runs/{ended.pk}/again/").content.decode()
    change_all(desk, place)
    told = call("GET", f"runs/{ended.pk}/again").json()
    assert [(each["what"], each["was"], each["now"]) for each in told["changes"]] == [
        ("Quorum", "3", "2"),
        ("Member “Ada”", "Label: Ada\nConnection: Up\nModel: ada", None),
        ("Member “Cyd”: system prompt", "not set", "Be brief."),
        ("Member “Dot”", None, "Label: Dot\nConnection: Up\nModel: dot"),
        ("Judge: instructions", "not set", "Look twice."),
    ]
    page = browser.get(f"/runs/{ended.pk}/again/").content.decode()
    assert "Member “Dot”" in page
    assert "now it is at version 2" in page
    assert f"/pools/{desk.preset.pool_id}/history/1/" in page
    named = f'<a href="/runs/{ended.pk}/again/">Best, version 1</a>'
    assert named in browser.get(f"/runs/{ended.pk}/").content.decode()
    assert Run.objects.count() == 1


def test_the_same_words_are_asked_of_what_is_there_now(
    desk: Desk, place: Membership, ended: Run, client_for: Callable[..., Client]
) -> None:
    """They were filled into the template once, and are sent as they were."""
    change_all(desk, place)
    browser = client_for(desk.person)
    seen = today_of(ended).seen
    answer = browser.post(f"/runs/{ended.pk}/again/", {"seen": seen})
    again = Run.objects.exclude(pk=ended.pk).get()
    assert answer["Location"] == f"/runs/{again.pk}/"
    assert [member["label"] for member in again.settings["members"]] == ["Bea", "Cyd", "Dot"]
    assert again.settings["messages"] == ended.settings["messages"]
    assert (again.prompt, again.title) == ("What is best?", "What is best?")


def test_what_changes_between_looking_and_asking_is_shown_again(
    desk: Desk, place: Membership, call: Program, ended: Run, client_for: Callable[..., Client]
) -> None:
    seen = call("GET", f"runs/{ended.pk}/again").json()["seen"]
    change_all(desk, place)
    refused = call("POST", "runs", {"again_of": ended.pk, "seen": seen})
    assert refused.status_code == 409
    page = client_for(desk.person).post(f"/runs/{ended.pk}/again/", {"seen": seen})
    assert page.status_code == 409
    assert "Member “Dot”" in page.content.decode()
    assert Run.objects.count() == 1
    fresh = call("GET", f"runs/{ended.pk}/again").json()["seen"]
    assert call("POST", "runs", {"again_of": ended.pk, "seen": fresh}).status_code == 201


def test_a_conversation_and_a_follow_up_are_asked_again_whole(
    desk: Desk, call: Program, upstream: Upstream
) -> None:
    all_answer(upstream)
    turns = (
        Message("system", "Rhyme."),
        Message("user", "Hi"),
        Message("assistant", "Ho"),
        Message("user", "Why?"),
    )
    talk = work(desk.start("", messages=turns))
    follow = work(desk.start("And then?", after=talk))
    for run in (talk, follow):
        made = call("POST", "runs", {"again_of": run.pk}, HTTP_IDEMPOTENCY_KEY=f"k-{run.pk}")
        assert made.status_code == 201, made.content
        same = call("POST", "runs", {"again_of": run.pk}, HTTP_IDEMPOTENCY_KEY=f"k-{run.pk}")
        assert same.json() == made.json()
        again = Run.objects.get(pk=made.json()["id"])
        assert again.settings["messages"] == run.settings["messages"]
        assert (again.after_id, again.history) == (run.after_id, run.history)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"again_of": "a" * 24}, "again_of"),
        ({"again_of": "RUN", "prompt": "Other"}, "prompt"),
        ({"again_of": "RUN", "preset": "best"}, "preset"),
        ({"seen": "x", "preset": "best", "prompt": "?"}, "seen"),
    ],
)
def test_what_does_not_go_together_is_refused(
    call: Program, ended: Run, body: dict[str, Any], field: str
) -> None:
    body = {name: ended.pk if value == "RUN" else value for name, value in body.items()}
    refused = call("POST", "runs", body)
    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == [field]
    assert Run.objects.count() == 1


def test_a_preset_that_is_gone_is_said_and_one_that_came_back_is_found(
    desk: Desk, place: Membership, call: Program, ended: Run, client_for: Callable[..., Client]
) -> None:
    delete(place, desk.preset)
    assert call("GET", f"runs/{ended.pk}/again").status_code == 422
    assert call("POST", "runs", {"again_of": ended.pk}).status_code == 422
    page = client_for(desk.person).get(f"/runs/{ended.pk}/again/")
    assert page.status_code == 200
    assert "The preset of that run is gone." in page.content.decode()
    [link] = re.findall(r"/presets/\w+/history/1/", page.content.decode())
    assert client_for(desk.person).get(link).status_code == 200
    assert call("GET", f"runs/{ended.pk}").json()["pinned"]["preset"]["name"] == "Best"
    restore(place, ends().get(thing=ended.pinned["preset"]["id"]))
    assert Preset.objects.filter(pk=ended.pinned["preset"]["id"]).exists()
    assert call("POST", "runs", {"again_of": ended.pk}).status_code == 201


def test_what_was_deleted_long_ago_is_named_and_not_led_to(
    desk: Desk, place: Membership, ended: Run, client_for: Callable[..., Client]
) -> None:
    delete(place, desk.preset)
    forget_deleted(timezone.now() + KEPT_FOR * 2)
    page = client_for(desk.person).get(f"/runs/{ended.pk}/again/").content.decode()
    assert "Best, version 1" in page
    assert re.findall(r"/presets/\w+/history/", page) == []
    assert f"/pools/{ended.pinned['pool']['id']}/history/1/" in page


def test_a_stranger_finds_no_run_to_ask_again_and_a_viewer_may(
    desk: Desk,
    ended: Run,
    charlie: User,
    dave: User,
    program_of: Callable[[User | None], Program],
    client_for: Callable[..., Client],
) -> None:
    stranger = program_of(charlie)
    for pk in (ended.pk, "a" * 24):
        assert stranger("GET", f"runs/{pk}/again").status_code == 404
        assert stranger("POST", "runs", {"again_of": pk}).json()["error"]["fields"] == {
            "again_of": ["There is no such run."]
        }
        assert client_for(charlie).get(f"/runs/{pk}/again/").status_code == 404
        assert client_for(charlie).post(f"/runs/{pk}/again/").status_code == 404
    assert Run.objects.count() == 1
    assert program_of(dave)("POST", "runs", {"again_of": ended.pk}).status_code == 201
    assert Team.objects.get(pk=desk.team.pk).runs.count() == 2
