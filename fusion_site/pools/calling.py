"""How a program calls a preset: lines to copy, for curl and for OpenAI's Python client."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from fusion_site.pools.models import Preset
from fusion_site.pools.prompting import variables_in

_ASKED = "Is this migration safe?"


@dataclass(frozen=True)
class Calls:
    """The model's name, and a whole example in each way. A token stands in the environment, as OPENAI_API_KEY."""

    model: str
    curl: str
    python: str


def calls_of(preset: Preset, site: str) -> Calls:
    """Give how to call the preset at the site's address; each variable of its template stands there to be filled."""
    model = f"fusion/{preset.slug}"
    variables = dict.fromkeys(variables_in(preset.template), "…")
    return Calls(model, _curl(model, variables, f"{site}/v1"), _python(model, variables, f"{site}/v1"))


def _curl(model: str, variables: dict[str, str], base: str) -> str:
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": _ASKED}]}
    if variables:
        body["fusion"] = {"variables": variables}
    return (
        f"curl -s {base}/chat/completions \\\n"
        '  -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )


def _python(model: str, variables: dict[str, str], base: str) -> str:
    extra = f"\n    extra_body={{'fusion': {{'variables': {variables!r}}}}}," if variables else ""
    return (
        "from openai import OpenAI\n\n"
        f"client = OpenAI(base_url={base!r}, timeout=600)\n"
        "reply = client.chat.completions.create(\n"
        f"    model={model!r},\n"
        f"    messages=[{{'role': 'user', 'content': {_ASKED!r}}}],{extra}\n"
        ")\n"
        "print(reply.choices[0].message.content)"
    )
