"""A provider key that somebody typed: stored sealed, sent to its own origin, and told nowhere else."""

from __future__ import annotations

import pytest

from tests.access.scene import KEY, Scene, stored

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_key_is_in_no_row(scene: Scene) -> None:
    """Pages, exports and errors are looked through for it by the matrix."""
    assert scene.ids["slug"] in stored()
    assert KEY not in stored()
