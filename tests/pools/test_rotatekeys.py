"""Rotating the sealing key: every stored key moves to the new one, and what cannot be opened is said."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import override_settings

from fusion_site.accounts.models import Team
from fusion_site.accounts.sealing import SealContext, seal, unseal
from fusion_site.pools.models import Connection

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_keys_move_to_the_first_sealing_key(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    row = Connection.objects.create(team=team, name="A", kind="openai", base_url="https://a.example/v1")
    context = SealContext(row.pk, team.pk, "https://a.example:443")
    with override_settings(FUSION_SEALING_KEYS=[OLD]):
        row.sealed_key = seal("sk-secret", context=context)
        row.save()
    with override_settings(FUSION_SEALING_KEYS=[NEW, OLD]):
        call_command("rotatekeys")
        call_command("rotatekeys")
    row.refresh_from_db()
    with override_settings(FUSION_SEALING_KEYS=[NEW]):
        assert unseal(row.sealed_key, context=context) == "sk-secret"
    said = capsys.readouterr().out
    assert "1 sealed anew, 0 were already" in said
    assert "0 sealed anew, 1 were already" in said
    assert "sk-secret" not in said


def test_a_key_that_nothing_opens_is_named_and_kept(team: Team) -> None:
    row = Connection.objects.create(team=team, name="A", kind="openai", sealed_key="gibberish")
    with pytest.raises(CommandError, match=row.pk):
        call_command("rotatekeys")
    row.refresh_from_db()
    assert row.sealed_key == "gibberish"
