"""What the insights of a team take at 100,000 answers."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from fusion_site.accounts.models import Team, User
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.voting.insights import insights_of
from tests.runs.test_insights import made_answers, made_run, verdict

pytestmark = pytest.mark.django_db
RUNS = 33_334
# In seconds of this process's own time on one core; what others do on the machine meanwhile is not counted.
QUICK_S = 3.0


def test_insights_of_a_hundred_thousand_answers(team: Team, alice: User) -> None:
    runs = Run.objects.bulk_create([made_run(team, alice) for _ in range(RUNS)], batch_size=5000)
    answers = [each for run in runs for each in made_answers(run, total_ms=900, cost_usd=Decimal("0.001"))]
    for each in answers:
        each.text = "word " * 200
    Answer.objects.bulk_create(answers, batch_size=5000)
    fusions = []
    for at, run in enumerate(runs):
        found = verdict(answers[3 * at : 3 * at + 3], at % 3)
        fusions.append(
            Fusion(run=run, version=1, source="merge", finished=True, text="word " * 200, verdict=found)
        )
    Fusion.objects.bulk_create(fusions, batch_size=2000)
    begun, began = time.process_time(), time.perf_counter()
    told = insights_of(team, 30)
    took, passed = time.process_time() - begun, time.perf_counter() - began
    assert (told.runs, told.verdicts, len(told.models)) == (RUNS, RUNS, 3)
    print(
        f"\ninsights of {len(answers):,} answers and {RUNS:,} verdicts: {took:.2f} s of one core, {passed:.2f} s in all"
    )
    assert took < QUICK_S
