"""What the Compact page says of who asks the model now: the reader's team by name and place, others as a number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.compact.figures import Figures
from fusion_site.compact.status import CompactStatus
from fusion_site.pools import compact_host
from fusion_site.pools.models import Connection, Kind
from fusion_site.runs.models import Answer, Event, Run


def test_the_page_tells_who_is_answered_and_who_waits_at_which_place(
    client_for: Callable[[User | None], Client],
    team: Team,
    bob: User,
    charlie: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Connection.objects.create(team=team, name="Here", kind=Kind.COMPACT)
    away = Connection.objects.create(team=team, name="Away", kind=Kind.OPENAI, base_url="https://a.test/v1")
    asked = [("Written", here), ("Waiting", here), ("Elsewhere", away)]
    members = [{"index": at, "model": {"connection": row.pk}} for at, (_, row) in enumerate(asked)]
    settings = {"members": members}
    run = Run.objects.create(team=team, person=bob, preset_name="Review", mode="merge", settings=settings)
    answers = {
        label: Answer.objects.create(run=run, member=at, label=label) for at, (label, _) in enumerate(asked)
    }
    turns = [
        ("answer.queued", "Written", {"place": 1}),
        ("answer.queued", "Waiting", {"place": 3}),
        ("answer.accepted", "Written", {}),
        ("answer.queued", "Waiting", {"place": 2}),
    ]
    for seq, (kind, label, more) in enumerate(turns, 1):
        Event.objects.create(run=run, seq=seq, kind=kind, data={"answer": answers[label].pk} | more)
    status = CompactStatus(state="ready", file=Path("/srv/lantern.gguf"), figures=Figures(busy=1, waiting=1))
    monkeypatch.setattr(compact_host, "status", lambda: status)
    monkeypatch.setattr(compact_host, "_supervisor", SimpleNamespace(rates=list))

    seen = client_for(bob).get("/compact/state/").content.decode()
    assert "<span>Written</span><span>bob@example.com</span>" in seen
    assert "<span>Waiting</span><span>in the queue, place 2</span><span>bob@example.com</span>" in seen
    assert "Elsewhere" not in seen
    stranger = client_for(charlie).get("/compact/state/").content.decode()
    assert "2 asks of other teams." in stranger
    assert "bob@example.com" not in stranger
