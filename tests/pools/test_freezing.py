"""What a run uses is copied when it is accepted; what it may cost is told from known prices only."""

from __future__ import annotations

from decimal import Decimal

from fusion_site.accounts.models import Membership
from fusion_site.engine.asking import Message, ModelRef
from fusion_site.engine.settings import DEFAULT_CRITERIA, Criterion, FusionSettings, Mode
from fusion_site.pools.estimating import SHORT_ANSWER_TOKENS, estimate
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.freezing import freeze
from fusion_site.pools.models import CatalogueModel, Connection, Judge, Pool, Preset

ASKED = (Message("system", "Be kind."), Message("user", "Why?"))


def priced(connection: Connection, model: str, prompt: str | None, completion: str | None) -> None:
    """Let a connection offer a model at a price."""
    CatalogueModel.objects.create(
        connection=connection,
        model=model,
        context_length=32_000,
        prompt_price=prompt and Decimal(prompt),
        completion_price=completion and Decimal(completion),
    )


def frozen(preset: Preset, mode: Mode | None = None) -> FusionSettings:
    """Freeze what is in the rows now."""
    return freeze(Preset.objects.get(pk=preset.pk), ASKED, mode=mode, seed=7)


def test_everything_is_copied(place: Membership, connection: Connection, preset: Preset) -> None:
    priced(connection, "lab/gamma", None, None)
    one = {
        "connection": connection.pk,
        "model": "lab/alpha",
        "system": "S",
        "aspect": "tone",
        "required": True,
    }
    one |= {"deadline_s": 9, "params": {"temperature": 0.1, "stop": ["a", "b"], "max_tokens": 50}}
    members = [one, {"connection": connection.pk, "model": "m"}]
    save_pool(place, {"members": members, "zero_retention": True}, preset.pool)
    judged = {"criteria": [{"name": "True", "weight": 2}], "instructions": "I", "swap_check": False}
    save_judge(place, {**judged, "fallback_model": "second", "second_model": "lab/gamma"}, preset.judge)
    limits = {"quorum": 1, "grace": 3, "deadline_s": 60, "debate_rounds": 2, "budget_usd": "0.5"}
    save_preset(place, {**limits, "do_no_harm": True, "mode": "debate"}, preset)
    found = frozen(preset)
    member = found.members[0]
    assert (member.model, member.system, member.aspect) == (ModelRef(connection.pk, "lab/alpha"), "S", "tone")
    assert (member.required, member.deadline_s, member.index) == (True, 9.0, 0)
    assert (member.sampling.temperature, member.sampling.stop, member.sampling.max_tokens) == (
        0.1,
        ("a", "b"),
        50,
    )
    judge = found.judge
    assert (judge.model.model, judge.fallback) == ("lab/gamma", ModelRef(connection.pk, "second"))
    assert (judge.criteria, judge.instructions, judge.swap_check) == (
        (Criterion("True", "", 2.0),),
        "I",
        False,
    )
    assert (judge.window, judge.second, judge.second_window) == (
        32_000,
        ModelRef(connection.pk, "lab/gamma"),
        32_000,
    )
    assert (found.quorum, found.grace, found.deadline_s, found.debate_rounds) == (1, 3.0, 60.0, 2)
    assert (found.budget_usd, found.do_no_harm, found.mode) == (Decimal("0.5"), True, Mode.DEBATE)
    assert (found.messages, found.seed, found.zero_retention) == (ASKED, 7, True)


def test_a_mode_may_be_chosen_for_one_run(preset: Preset) -> None:
    assert (frozen(preset).mode, frozen(preset).zero_retention) == (Mode.MERGE, False)
    assert frozen(preset, Mode.BEST_OF).mode is Mode.BEST_OF


def test_a_judge_without_criteria_uses_the_engines_own_and_an_unknown_window(preset: Preset) -> None:
    assert frozen(preset).judge.criteria == DEFAULT_CRITERIA
    assert frozen(preset).judge.window is None
    assert not frozen(preset).judge.reads_ahead


def test_later_changes_do_not_reach_back(place: Membership, pool: Pool, preset: Preset) -> None:
    before = frozen(preset)
    connection = pool.members.all()[0].connection_id
    save_pool(place, {"members": [{"connection": connection, "model": "new"}]}, pool)
    assert [member.model.model for member in before.members] == ["lab/alpha", "lab/beta"]


def test_labels_tell_members_apart(
    place: Membership, connection: Connection, pool: Pool, preset: Preset
) -> None:
    members = [
        {"connection": connection.pk, "model": "lab/opus"},
        {"connection": connection.pk, "model": "lab/opus"},
        {"connection": connection.pk, "model": "lab/other/", "label": "Critic"},
        {"connection": connection.pk, "model": "lab/fast/"},
    ]
    save_pool(place, {"members": members}, pool)
    assert [member.label for member in frozen(preset).members] == ["opus 1", "opus 2", "Critic", "fast"]


def test_an_estimate_is_exact_where_all_prices_are_known(
    place: Membership, connection: Connection, pool: Pool, judge: Judge, preset: Preset
) -> None:
    for name, prompt, completion in (
        ("alpha", "1e-6", "2e-6"),
        ("beta", "3e-6", "5e-6"),
        ("gamma", "0", "1e-6"),
    ):
        priced(connection, f"lab/{name}", prompt, completion)
    members = [
        {"connection": connection.pk, "model": f"lab/{n}", "params": {"max_tokens": 1000}}
        for n in ("alpha", "beta")
    ]
    save_pool(place, {"members": members}, pool)
    save_judge(place, {"swap_check": False}, judge)
    found = estimate(frozen(preset, Mode.BEST_OF))
    asked = 4  # 12 characters by 3.5, rounded up
    low = asked * Decimal("4e-6") + SHORT_ANSWER_TOKENS * Decimal("7e-6")
    high = asked * Decimal("4e-6") + 1000 * Decimal("7e-6") + 2 * 4096 * Decimal("1e-6")
    assert (found.low_usd, found.high_usd) == (low, high)
    merge, debate = (estimate(frozen(preset, mode)).high_usd or 0 for mode in (Mode.MERGE, Mode.DEBATE))
    assert high < merge < debate


def test_an_estimate_counts_scores_on_arrival_repairs_the_fallback_and_the_second_judge(
    place: Membership, connection: Connection, pool: Pool, judge: Judge, preset: Preset
) -> None:
    priced(connection, "lab/free", "0", "0")
    priced(connection, "lab/gamma", "0", "1e-6")
    priced(connection, "lab/delta", "0", "10e-6")
    save_pool(place, {"members": [{"connection": connection.pk, "model": "lab/free"}] * 4}, pool)
    high = {mode: estimate(frozen(preset, mode)).high_usd or 0 for mode in Mode}
    early = 1024 + 3 * 2048
    # Each of two orders, asked again where the reply cannot be read.
    assert high[Mode.BEST_OF] == (4 * 4096 + early) * Decimal("1e-6")
    assert high[Mode.DEBATE] == 4 * 4096 * Decimal("1e-6")
    assert high[Mode.MERGE] == high[Mode.BEST_OF] + 8192 * Decimal("1e-6")
    save_judge(place, {"second_model": "lab/delta"}, judge)
    assert estimate(frozen(preset, Mode.BEST_OF)).high_usd == high[Mode.BEST_OF] + 4 * 4096 * Decimal("10e-6")
    save_judge(place, {"second_model": "", "fallback_model": "lab/delta"}, judge)
    for mode, tokens in ((Mode.BEST_OF, 2 * 4096), (Mode.MERGE, 2 * 4096 + 8192)):
        assert estimate(frozen(preset, mode)).high_usd == high[mode] + tokens * Decimal("10e-6")


def test_one_unknown_price_makes_the_high_end_unknown_and_all_unknown_both(
    place: Membership, connection: Connection, preset: Preset
) -> None:
    assert estimate(frozen(preset)).low_usd is None
    assert estimate(frozen(preset)).high_usd is None
    priced(connection, "lab/alpha", "1e-6", "2e-6")
    priced(connection, "lab/beta", "1e-6", None)
    found = estimate(frozen(preset))
    assert found.low_usd == 4 * Decimal("1e-6") + SHORT_ANSWER_TOKENS * Decimal("2e-6")
    assert found.high_usd is None


def test_an_estimate_follows_prices_for_long_prompts_and_the_dearest_hour(
    place: Membership, connection: Connection, preset: Preset
) -> None:
    for name in ("alpha", "beta", "gamma"):
        priced(connection, f"lab/{name}", "1e-6", "0")
    assert (before := estimate(frozen(preset))).high_usd is not None
    long_prompts = {"min_prompt_tokens": 3, "prompt": "2e-6"}
    CatalogueModel.objects.update(overrides=[long_prompts])
    doubled = estimate(frozen(preset))
    assert (doubled.low_usd, doubled.high_usd) == (2 * (before.low_usd or 0), 2 * before.high_usd)
    dear_hour = {"utc_start": "0000", "utc_end": "0001", "prompt": "8e-6"}
    cheap_day = {"utc_start": "0001", "utc_end": "0000", "prompt": "4e-6"}
    CatalogueModel.objects.update(overrides=[dear_hour, cheap_day])
    assert estimate(frozen(preset)).high_usd == 8 * before.high_usd


def test_this_machines_own_models_cost_nothing(place: Membership) -> None:
    rehearsal = Preset.objects.get(team=place.team, slug="rehearsal")
    found = estimate(frozen(rehearsal))
    assert (found.low_usd, found.high_usd) == (Decimal(0), Decimal(0))


def test_prices_of_one_connection_say_nothing_about_another(
    place: Membership, connection: Connection, preset: Preset
) -> None:
    other = Connection.objects.create(
        team=place.team, name="Other", kind="openai", base_url="https://o.example.com/v1"
    )
    for name in ("alpha", "beta", "gamma"):
        priced(other, f"lab/{name}", "1e-6", "1e-6")
    assert estimate(frozen(preset)).low_usd is None
