"""What a team has before anybody made anything."""

from __future__ import annotations

from pathlib import Path

from django.conf import LazySettings

from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Team, User
from fusion_site.engine.asking import Message
from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.freezing import freeze
from fusion_site.pools.models import Connection, Judge, Mode, Pool, Preset


def test_a_new_team_can_ask_the_rehearsal_models_in_every_mode(team: Team) -> None:
    connection = Connection.objects.get(team=team)
    assert (connection.kind, connection.is_local_host, connection.state) == ("rehearsal", True, "ready")
    presets = Preset.objects.filter(team=team)
    assert {preset.mode for preset in presets} == set(Mode.values)
    for preset in presets:
        frozen = freeze(preset, (Message("user", "Why?"),), seed=1)
        assert [member.label for member in frozen.members] == ["Planner", "Storyteller", "Scholar"]
        refs = {*(member.model for member in frozen.members), frozen.judge.model}
        assert {ref.connection for ref in refs} == {connection.pk}


def test_a_site_without_rehearsal_starts_teams_empty(alice: User, settings: LazySettings) -> None:
    settings.FUSION_REHEARSAL = False
    team = new_team("Bare", alice)
    for model in (Connection, Pool, Judge, Preset):
        assert not model._default_manager.filter(team=team).exists()


def test_the_start_of_the_site_gives_every_team_what_it_lacks_once(
    team: Team, charlie: User, settings: LazySettings
) -> None:
    settings.FUSION_COMPACT_MODEL = Path("models/tiny-7b.gguf")
    Preset.objects.filter(team=team, slug="rehearsal-debate").update(slug="compact", name="Changed")
    for _ in range(2):
        ensure_local_connections()
    for each in Team.objects.all():
        kinds = sorted(Connection.objects.filter(team=each).values_list("kind", flat=True))
        assert kinds == ["compact", "rehearsal"]
        assert Pool.objects.filter(team=each).count() == 2
    assert Preset.objects.get(team=team, slug="compact").name == "Changed", "what a team changed stays"
    own = Preset.objects.get(team=team, slug="compact-2")
    frozen = freeze(own, (Message("user", "Why?"),), seed=1)
    assert [member.model.model for member in frozen.members] == [
        "tiny-7b",
        "rehearsal/planner",
        "rehearsal/scholar",
    ]
    assert frozen.judge.model == frozen.members[0].model
    assert frozen.judge.fallback is not None
    assert frozen.judge.fallback.model == "rehearsal/judge"


def test_a_compact_model_alone_is_paired_with_itself(alice: User, settings: LazySettings) -> None:
    settings.FUSION_REHEARSAL, settings.FUSION_COMPACT_MODEL = False, Path("tiny.gguf")
    team = new_team("Alone", alice)
    frozen = freeze(Preset.objects.get(team=team), (Message("user", "Why?"),), seed=1)
    assert [member.label for member in frozen.members] == ["Compact 1", "Compact 2"]
    assert frozen.judge.fallback is None


def test_a_set_that_was_deleted_does_not_come_back(team: Team) -> None:
    for model in (Preset, Judge, Pool):
        model._default_manager.filter(team=team).delete()
    ensure_local_connections()
    assert not Preset.objects.filter(team=team).exists()
