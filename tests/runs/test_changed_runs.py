"""`POST /api/v1/runs` with what the compose page can change for one run: mode, judge, members, and what goes with the prompt."""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fusion_site.accounts.models import User
from fusion_site.pools.models import CatalogueModel, Judge
from fusion_site.runs.attached.models import Picture
from fusion_site.runs.models import Run
from tests.api.conftest import Program, program_of
from tests.pictures import png
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, work
from tests.runs.test_pictures import sent, text
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]

PNG = {"name": "plan.png", "data": base64.b64encode(png()).decode()}
DIFF = {"name": "a.diff", "text": "+ a line"}


@pytest.fixture
def call(desk: Desk, program_of: Callable[[User | None], Program]) -> Program:
    """Give bob's program."""
    return program_of(desk.person)


def test_mode_judge_and_members_are_changed_for_one_run_alone(
    desk: Desk, call: Program, upstream: Upstream
) -> None:
    all_answer(upstream)
    own = desk.preset.judge
    other = Judge.objects.create(team=desk.team, name="Other", connection=own.connection, model="judge")
    asked = {"preset": "best", "prompt": "Why?", "mode": "merge", "judge": other.pk, "members": [2, 0]}
    run = Run.objects.get(pk=call.made("runs", asked)["id"])
    assert (run.mode, run.pinned["judge"]["id"]) == ("merge", other.pk)
    assert work(run).state == "done"
    assert [a["member"] for a in call("GET", f"runs/{run.pk}").json()["answers"]] == [0, 2]
    assert not upstream.asked("bea")
    plain = {"preset": "best", "prompt": "Why?", "mode": None, "judge": None, "members": None, "files": None}
    usual = Run.objects.get(pk=call.made("runs", plain)["id"])
    assert (usual.mode, usual.pinned["judge"]["id"], usual.answers.count()) == ("best_of", own.pk, 3)


@pytest.mark.parametrize("words", [{"prompt": "Why?"}, {"messages": [{"role": "user", "content": "Why?"}]}])
def test_files_go_with_the_last_turn(
    desk: Desk, call: Program, upstream: Upstream, words: dict[str, Any]
) -> None:
    all_answer(upstream)
    body = {"preset": "best", **words, "files": [PNG, DIFF], "no_pictures": [1]}
    run = Run.objects.get(pk=call.made("runs", body)["id"])
    work(run)
    kept = Picture.objects.get()
    assert sent(upstream.wait_for("ada")) == [bytes(kept.data)]
    assert text(upstream.wait_for("ada")) == "Why?\n\nFile: a.diff\n```\n+ a line\n```"
    assert not sent(upstream.wait_for("bea"))
    told = call("GET", f"runs/{run.pk}").json()
    assert [picture["name"] for picture in told["pictures"]] == ["plan.png"]
    assert told["unseen_by"] == [1]
    follow_up = call.made("runs", {"after": run.pk, "prompt": "And this?", "files": [DIFF], "members": [0]})
    assert Run.objects.get(pk=follow_up["id"]).prompt.startswith("And this?\n\nFile: a.diff")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mode": "loudest"}, "mode"),
        ({"judge": "a" * 24}, "judge"),
        ({"judge": "\x00"}, "judge"),
        ({"members": []}, "members"),
        ({"members": [0, 3]}, "members"),
        ({"members": [-1]}, "members.0"),
        ({"no_pictures": [3]}, "no_pictures"),
        ({"files": [PNG, {"name": "a", "data": "é"}]}, "files.1.data"),
        ({"files": [{"name": "a", "data": "AAAA"}]}, "files.0"),
        ({"files": [{"name": "a"}]}, "files.0"),
        ({"files": [{"name": "a", "text": "a", "data": "YQ=="}]}, "files.0"),
        ({"files": [DIFF] * 11}, "files"),
        ({"files": [PNG], "no_pictures": [0, 1, 2]}, "files"),
        ({"files": [DIFF], "prompt": " "}, "prompt"),
    ],
)
def test_what_cannot_be_changed_so_is_said_at_its_field(
    call: Program, changes: dict[str, Any], field: str
) -> None:
    refused = call("POST", "runs", {"preset": "best", "prompt": "Why?", **changes})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, [field])
    assert not Run.objects.exists()


def test_a_foreign_judge_is_as_one_that_is_not_there(desk: Desk, call: Program, charlie: User) -> None:
    own = desk.preset.judge
    foreign = Judge.objects.create(
        team=charlie.personal_team, name="Theirs", connection=own.connection, model="judge"
    )
    told = [
        call("POST", "runs", {"preset": "best", "prompt": "Why?", "judge": name}).json()
        for name in (foreign.pk, "a" * 24)
    ]
    assert told[0] == told[1]


def test_one_key_is_for_one_order_with_its_changes(call: Program) -> None:
    asked = {"preset": "best", "prompt": "Why?"}
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    first = call("POST", "runs", {**asked, "members": [0]}, **key)
    assert call("POST", "runs", {**asked, "members": [0]}, **key).json() == first.json()
    assert call("POST", "runs", {**asked, "members": [1]}, **key).status_code == 409


def test_what_a_run_may_cost_is_told_without_a_run(desk: Desk, call: Program, upstream: Upstream) -> None:
    connection = desk.preset.judge.connection

    def told(**changes: Any) -> Any:
        return call("POST", "runs/estimate", {"preset": "best", "prompt": "Why? " * 400, **changes}).json()

    assert told() == {"low_usd": None, "high_usd": None, "unpriced": ["ada", "bea", "cyd", "judge"]}
    price = {"prompt_price": Decimal("0.000001"), "completion_price": Decimal("0.00001")}
    CatalogueModel.objects.bulk_create(
        CatalogueModel(connection=connection, model=name, **price) for name in ("ada", "bea", "judge")
    )
    partly = told()
    assert (partly["high_usd"], partly["unpriced"]) == (None, ["cyd"])
    whole, alone = told(members=[0, 1]), told(members=[0])
    assert whole["unpriced"] == []
    assert Decimal(0) < Decimal(whole["low_usd"]) < Decimal(alone["high_usd"]) < Decimal(whole["high_usd"])
    longer = told(members=[0], prompt=None, messages=[{"role": "user", "content": "Why? " * 4000}])
    assert Decimal(longer["low_usd"]) > Decimal(alone["low_usd"])
    refused = call("POST", "runs/estimate", {"preset": "best", "prompt": "Why?", "seen": "x"})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["seen"])
    assert not Run.objects.exists()
    assert upstream.ledger == []
