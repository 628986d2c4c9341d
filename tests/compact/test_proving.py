"""Chat templates tried before they are used: what fails is told, and what never ends hurts nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.header import BadFile, read_header
from fusion_site.compact.files.proving import BRIEFED, BadTemplate, prove, warning_of
from fusion_site.compact.files.templates import Templates
from fusion_site.compact.rendering import Rendering
from tests.compact.gguf_model import CHAT_TEMPLATE, write_tiny_gguf

TELLS = "{% for m in messages %}{{ m.content }}{% endfor %}"
ODDITIES = """
{%- for m in messages %}
  {%- if loop.index > 3 %}{% break %}{% endif %}
  {% generation %}{{ bos_token }}{{ m | tojson }}{% endgeneration %}
{% endfor -%}
{{ "<b>" }}{{ [1, "ü"] | tojson(indent=2) }}{{ strftime_now("%Y") }}{{ add_generation_prompt }}{{ eos_token }}
"""


@pytest.mark.parametrize("source", [CHAT_TEMPLATE, TELLS, ODDITIES])
def test_templates_render_as_in_llama_cpp(source: str) -> None:
    theirs = Jinja2ChatFormatter(source, eos_token="</s>", bos_token="<s>")
    expected = theirs(messages=BRIEFED).prompt  # type: ignore[arg-type]
    assert Rendering(source, begin="<s>", end="</s>")(BRIEFED) == expected


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for m in messages %}", "is no valid Jinja: .*endfor"),
        ("a\n{{ b ! }}", r"\(line 2\)"),
        (
            "{{ nothing.at.all }}",
            "fails on a conversation of a user and an assistant: 'nothing' is undefined",
        ),
        ("{{ raise_exception('Not today') }}", "Not today"),
        ("{{ ''.__class__.mro() }}", "unsafe"),
        ("{{ messages[0].content }}", "leaves out what was said"),
        (
            "{% if messages[0].role == 'system' %}{{ 1 // 0 }}{% endif %}" + TELLS,
            "with a system prompt: .*zero",
        ),
        ("{{ 'a' * 10**10 }}", "MemoryError|more time or memory"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "more time or memory",
        ),
        ("x" * 300_000, "longer than 256 KiB"),
    ],
)
async def test_what_is_wrong_with_a_template_is_told(source: str, said: str) -> None:
    with pytest.raises(BadTemplate, match=said):
        await prove(source)


@pytest.mark.parametrize(
    "source",
    [
        TELLS,
        CHAT_TEMPLATE,
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + TELLS,
    ],
)
async def test_a_template_that_works_passes(source: str) -> None:
    await prove(source)


def facts_with(folder: Path, template: str | None) -> FileFacts:
    return read_header(write_tiny_gguf(folder / "m.gguf", template=template))


async def test_a_file_with_a_bad_template_is_warned_of_and_with_an_endless_one_refused(
    tmp_path: Path,
) -> None:
    assert await warning_of(facts_with(tmp_path, CHAT_TEMPLATE), "") == ""
    assert await warning_of(facts_with(tmp_path, None), "") == ""
    bad = facts_with(tmp_path, "{{ nothing.at.all }}")
    assert "asks will be refused until another one is set. It fails" in await warning_of(bad, "")
    (tmp_path / "good.jinja").write_text(TELLS)
    assert await warning_of(bad, str(tmp_path / "good.jinja")) == ""
    with pytest.raises(BadFile, match="cannot be read"):
        await warning_of(bad, str(tmp_path / "none.jinja"))
    endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
    with pytest.raises(BadFile, match="more time or memory"):
        await warning_of(facts_with(tmp_path, endless), "")


def test_a_template_belongs_to_one_file(tmp_path: Path) -> None:
    templates = Templates(tmp_path / "templates")
    one, two = tmp_path / "a" / "m.gguf", tmp_path / "b" / "m.gguf"
    assert (templates.of(one), templates.text(one)) == (None, "")
    templates.keep(one, TELLS)
    assert (templates.text(one), templates.text(two)) == (TELLS, "")
    templates.keep(one, "")
    assert templates.of(one) is None
