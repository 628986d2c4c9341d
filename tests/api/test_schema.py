"""The doors keep to their own description, whatever is sent: no 5xx, and no answer of another shape (schemathesis).

Each operation is called with bodies and parameters drawn from the OpenAPI document, some of them deliberately outside it,
and half of the time with the ids of things that there are. FUSION_TEST_EXAMPLES says how many calls each gets
(`make schema` takes many), and the calls are the same ones each time.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as bounds
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fusion_site.accounts.models import Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pools.models import Connection, Judge, Pool, Preset
from fusion_site.runs.flows.start import Order, start_run
from tests.api.conftest import ROOT

EXAMPLES = int(os.environ.get("FUSION_TEST_EXAMPLES", "6"))
SEED = int(os.environ.get("FUSION_TEST_SEED", "9"))
# Streams are no answers of JSON; tests/runs/test_rest.py and tests/accounts read them.
STREAMS = {f"{ROOT}runs/{{run_id}}/events", f"{ROOT}team/audit/export"}
# A failure is told as it was met: to make it smaller takes longer than to read it.
UNHURRIED: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_wsgi(f"{ROOT}openapi.json", get_wsgi_application())
results: list[Any] = list(schema.get_all_operations())
operations = [each.ok() for each in results if each.ok().path not in STREAMS]


@pytest.fixture
def there(alice: User, team: Team) -> dict[str, str]:
    """Give the ids of things of alice's team, by what their parameter is called."""
    preset = Preset.objects.filter(team=team).select_related("team", "pool", "judge__connection")[0]
    run = start_run(alice, team, Order(preset, "Is it safe?"))
    return {
        "connection_id": str(Connection.objects.get(team=team, kind="rehearsal").pk),
        "pool_id": str(Pool.objects.filter(team=team)[0].pk),
        "judge_id": str(Judge.objects.filter(team=team)[0].pk),
        "preset_id": str(preset.pk),
        "run_id": str(run.pk),
        "answer_id": str(run.answers.all()[0].pk),
    }


@pytest.mark.parametrize("operation", operations, ids=[each.label for each in operations])
def test_every_answer_is_one_that_the_document_tells_of(
    operation: Any,
    alice: User,
    team: Team,
    there: dict[str, str],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 1_000_000
    monkeypatch.setattr(request_started, "send", lambda **_: [])
    monkeypatch.setattr(request_finished, "send", lambda **_: [])  # these close the test's connection
    token, text = make_token(alice, team, "test")
    headers = {"Authorization": f"Bearer {text}"}
    # Things of every kind have some addresses in common.
    kind = operation.path.removeprefix(ROOT).split("/")[0].removesuffix("s")
    known = there | {"thing_id": there.get(f"{kind}_id", ""), "token_id": token.pk}
    either = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @seed(SEED)
    @bounds(max_examples=EXAMPLES, phases=[Phase.generate], **UNHURRIED)
    @given(case=either, is_there=st.booleans())
    def call(case: Any, is_there: bool) -> None:
        if is_there:
            case.path_parameters |= {name: known[name] for name in known.keys() & case.path_parameters.keys()}
        with transaction.atomic():  # each call meets the same things
            response = case.call(headers=headers)
            transaction.set_rollback(True)
        assert response.status_code < 500, (response.status_code, response.text)
        case.validate_response(response, checks=CHECKS, headers=headers)

    call()
