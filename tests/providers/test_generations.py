"""What a call cost, asked for afterwards by its name; and who bills calls that were stopped."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind, Usage
from fusion_site.providers import AskFailed, Generation, bills_after_cancel
from fusion_site.providers.billing import ALSO_CALLED, BILLS_ON, STOPS
from tests.providers.server import RawServer, Script, body, providers_for

BILL = {
    "id": "gen-1",
    "model": "vendor/m",
    "provider_name": "BaseTen",
    "total_cost": 0.0012,
    "cancelled": True,
    "tokens_prompt": 10,
    "tokens_completion": 20,
    "native_tokens_prompt": 11,
    "native_tokens_completion": 22,
    "native_tokens_reasoning": 5,
    "native_tokens_cached": 4,
}


async def asked(*scripts: Script, name: str = "gen-1") -> tuple[Generation | None, RawServer]:
    """Ask an OpenRouter that plays these replies for one call."""
    async with RawServer(scripts) as server:
        providers = providers_for(server)
        try:
            return await providers.generation(server.endpoint(kind="openrouter"), name), server
        finally:
            await providers.aclose()


async def read(bill: Any) -> Generation:
    """Give what is read of one bill."""
    found, _ = await asked(body({"data": bill}))
    assert found is not None
    return found


async def test_a_bill_says_cost_tokens_and_provider() -> None:
    assert await read(BILL) == Generation(Decimal("0.0012"), Usage(11, 22, 5, 4), "BaseTen")


async def test_it_is_asked_for_by_name_and_with_the_key() -> None:
    _, server = await asked(body({"data": BILL}), name="gen-1&id=2 ü")
    (request,) = server.requests
    assert request.line.split()[:2] == ["GET", "/v1/generation?id=gen-1%26id%3D2+%C3%BC"]
    assert request.headers["authorization"] == "Bearer sk-secret-key"


async def test_what_is_not_known_yet_is_none() -> None:
    found, _ = await asked(body({"error": {"message": "Generation gen-1 not found", "code": 404}}, 404))
    assert found is None


async def test_tokens_by_another_count_are_better_than_none() -> None:
    counted = {name: count for name, count in BILL.items() if not name.startswith("native")}
    assert (await read(counted)).usage == Usage(prompt_tokens=10, completion_tokens=20)


@pytest.mark.parametrize("cost", [None, -1, "free", [], True])
async def test_a_cost_that_is_none_is_unknown(cost: object) -> None:
    assert (await read({**BILL, "total_cost": cost})).cost_usd is None


async def test_a_call_that_cost_nothing_cost_zero() -> None:
    assert (await read({**BILL, "total_cost": 0})).cost_usd == 0


@pytest.mark.parametrize(("upstream", "cost"), [(0.5, Decimal("0.5012")), (None, None)])
async def test_with_a_key_of_ones_own_the_providers_bill_comes_on_top(
    upstream: float | None, cost: Decimal | None
) -> None:
    bill = {**BILL, "is_byok": True, "upstream_inference_cost": upstream}
    assert (await read(bill)).cost_usd == cost


@pytest.mark.parametrize("document", [[], {}, {"data": None}, {"data": [1]}, 5])
async def test_a_reply_of_another_shape_tells_nothing(document: object) -> None:
    found, _ = await asked(body(document if not isinstance(document, int) else b"5"))
    assert found == Generation()


async def test_other_failures_are_told_without_the_key() -> None:
    with pytest.raises(AskFailed) as caught:
        await asked(body({"error": {"message": "bad key sk-secret-key", "code": 401}}, 401))
    assert caught.value.error.kind is ErrorKind.AUTH
    assert "sk-secret-key" not in caught.value.error.message


@pytest.mark.parametrize(
    ("provider", "bills"),
    [
        ("OpenAI", False),
        ("xAI", False),
        ("DeepInfra", False),
        ("Novita AI", False),
        ("NovitaAI", False),
        ("Groq", True),
        ("Google", True),
        ("Google AI Studio", True),
        ("Google Vertex", True),
        ("Amazon Bedrock", True),
        ("Hugging Face", True),
        ("Inference.net", True),
        ("01.AI", True),
        ("BaseTen", None),
        ("", None),
        ("Open", None),
        ("OpenAI, Groq", None),
    ],
)
def test_who_bills_a_stopped_call(provider: str, *, bills: bool | None) -> None:
    assert bills_after_cancel(provider) is bills


def test_no_provider_is_listed_on_both_sides_and_other_names_lead_somewhere() -> None:
    stops, on = ({name.strip() for name in names.split(",")} for names in (STOPS, BILLS_ON))
    assert (len(stops), len(on), stops & on) == (24, 24, set())
    assert None not in {bills_after_cancel(name) for name in ALSO_CALLED}
