"""Programs, which act on teams as pages do, and a clock of one-time codes that stands still."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tests.api.conftest import call, program_of

__all__ = ["call", "program_of"]


@pytest.fixture(autouse=True)
def one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test that takes codes from crossing into the next half minute, in which they would be others."""
    moment = time.time() // 30 * 30
    still = SimpleNamespace(time=lambda: moment)
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", still)
    monkeypatch.setattr("tests.accounts.one_time.time", still)
