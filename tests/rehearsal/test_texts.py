"""What the members write: built from the prompt, in full markdown, and honest about itself."""

from __future__ import annotations

import itertools
import re

import pytest

from fusion_site.pages.markdown import render
from fusion_site.rehearsal.reading import Kind, read_prompt
from tests.rehearsal.asking import MEMBERS, PROMPTS, script

LABEL = "*rehearsal: scripted, no AI*"


@pytest.mark.parametrize("model", MEMBERS)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_text_is_whole_markdown_of_a_fair_length(model: str, prompt: str) -> None:
    text = script(model, prompt).text
    assert 1_150 <= len(text) <= 2_500
    assert text.endswith(f"\n\n{LABEL}")
    assert text.count(LABEL) == 1
    html = render(text)
    for part in (
        "<h3>",
        "<h4>",
        "<li>",
        "<td",
        '<pre class="code" tabindex="0"><code class="language-',
        "<math",
        "<strong>",
    ):
        assert part in html or (
            part == '<pre class="code" tabindex="0"><code class="language-' and "```text" in text
        ), part
    assert "{" not in re.sub(r"```.*?```|\$\$.*?\$\$", "", text, flags=re.DOTALL)
    assert not re.search(r"\*\*\s*\*\*|  +[a-z]|\bNone\b", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def test_two_prompts_give_two_different_texts() -> None:
    for model in MEMBERS:
        for one, other in itertools.combinations([prompt for prompt in PROMPTS if len(prompt) > 4], 2):
            lines = set(script(model, one).text.splitlines()) & set(script(model, other).text.splitlines())
            own = set(script(model, one).text.splitlines())
            assert len(lines) < 0.7 * len(own), (model, one, other)


def test_the_three_write_differently() -> None:
    texts = [script(model, PROMPTS[0]).text for model in MEMBERS]
    for one, other in itertools.combinations(texts, 2):
        shared = {line for line in one.splitlines() if line} & {line for line in other.splitlines() if line}
        assert len(shared) <= 6


def test_a_text_speaks_of_the_prompts_own_words_and_numbers() -> None:
    for model in MEMBERS:
        text = script(model, PROMPTS[0]).text
        assert {"Postgres", "migration", "orders"} <= set(re.findall(r"\w+", text))
        assert "40" in text


def test_the_same_request_gives_the_same_text_and_the_seed_another() -> None:
    for model in MEMBERS:
        first = script(model, PROMPTS[0], seed=1)
        assert script(model, PROMPTS[0], seed=1) == first
        assert any(script(model, PROMPTS[0], seed=seed).text != first.text for seed in range(2, 6))
        assert any(
            script(model, PROMPTS[0], system=system).text != script(model, PROMPTS[0]).text
            for system in "abcd"
        )


def test_a_long_prompt_gets_a_longer_answer() -> None:
    for model in MEMBERS:
        assert len(script(model, PROMPTS[-1]).text) > len(script(model, PROMPTS[1]).text)


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Is it safe to deploy on Friday?", Kind.WHETHER),
        ("How do I deploy on Friday?", Kind.HOW),
        ("Why did the deploy fail?", Kind.WHY),
        ("Kafka or RabbitMQ?", Kind.COMPARE),
        ("Write a letter to my landlord", Kind.WRITE),
        ("List ideas for a party", Kind.LIST),
        ("Explain tides", Kind.WHAT),
    ],
)
def test_the_kind_of_question_shapes_the_answer(prompt: str, kind: Kind) -> None:
    assert read_prompt(prompt).kind is kind


def test_reading_finds_what_a_prompt_is_about() -> None:
    prompt = read_prompt(PROMPTS[0])
    assert prompt.subject == "Postgres orders table"
    assert prompt.topics[:3] == ("Postgres", "migration", "orders")
    assert prompt.numbers == ("40",)


def test_a_huge_prompt_is_read_quickly() -> None:
    for text in (
        "or " * 200_000 + "?",
        "word " * 200_000,
        "1" * 100_000,
        "1 " * 100_000 + "x",
        "what is " + "(" * 900,
        "\n" * 100_000,
    ):
        assert script("rehearsal/planner", text).text.endswith(LABEL)


def test_the_sums_in_the_texts_are_right() -> None:
    for model, prompt in itertools.product(MEMBERS, PROMPTS):
        for a, b, result in re.findall(r"\$(\d+) \\times (\d+) = (\d+)\$", script(model, prompt).text):
            assert int(a) * int(b) == int(result)


def test_the_python_in_the_texts_runs() -> None:
    ran = 0
    for model, prompt in itertools.product(MEMBERS, PROMPTS):
        for code in re.findall(r"```python\n(.*?)```", script(model, prompt).text, re.DOTALL):
            exec(compile(code, "example", "exec"), {"print": lambda *_: None})
            ran += 1
    assert ran > 15
