"""Programs, which act on teams as pages do."""

from __future__ import annotations

from tests.api.conftest import call, program_of

__all__ = ["call", "program_of"]
