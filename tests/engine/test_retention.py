"""Zero data retention goes with every ask of a run, or with none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fusion_site.engine.settings import Mode
from tests.engine.judges import holding, judge_by, tasks
from tests.engine.recording import cast, record, settings
from tests.engine.scripted import writes

CHANGED = "CHANGE\nReason: the sea is not up there\n\nGamma now says scattering."


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("wanted", [True, False])
def test_members_challenges_judge_and_merge_carry_it(mode: Mode, wanted: bool) -> None:
    judge = judge_by(holding("Beta"), merged="Both at once.")
    asker = cast(
        tasks(answer=writes("Alpha says rays."), challenge=writes("KEEP")),
        tasks(answer=writes("Beta says scattering."), challenge=writes("KEEP")),
        tasks(answer=writes("Gamma says the sea."), challenge=writes(CHANGED)),
        judge=judge,
    )
    told = record(replace(settings(mode, do_no_harm=True), zero_retention=wanted), asker)
    assert told.end.state == "done"
    steps = {Mode.BEST_OF: 2, Mode.MERGE: 5, Mode.DEBATE: 5}[mode]
    assert len(asker.calls) >= 3 + steps
    assert {call.ask.zero_retention for call in asker.calls} == {wanted}
