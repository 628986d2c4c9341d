"""What the crash tests share with those of a whole site: a program's way to it, and a scripted upstream."""

from __future__ import annotations

from tests.site.conftest import api, installed, upstream

__all__ = ["api", "installed", "upstream"]
