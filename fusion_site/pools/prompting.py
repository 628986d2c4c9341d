"""Prompt templates: text with `{{variables}}`, of which `{{prompt}}` is what the person asked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fusion_site.pools.invalid import Invalid

PROMPT = "prompt"

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,59})\s*\}\}")


def fault_in(template: str) -> str | None:
    """Give what is wrong with a template, naming the line; None when every `{{` opens a variable."""
    for number, line in enumerate(template.split("\n"), start=1):
        if "{{" in _PLACE.sub(" ", line):
            return (
                f"Line {number}: after {{{{ comes a variable and }}}}, such as {{{{topic}}}} "
                "(letters, digits and _, not beginning with a digit)."
            )
    return None


def variables_in(template: str) -> list[str]:
    """Give the names that have to be filled in besides the prompt, each once, in order of appearance."""
    return [name for name in dict.fromkeys(_PLACE.findall(template)) if name != PROMPT]


def fill_template(template: str, prompt: str, variables: Mapping[str, str]) -> str:
    """Give the text to ask: the prompt where `{{prompt}}` stands, else after the template.

    Raises Invalid for `variables` when a value is missing or blank. Values are put in as they are: a `{{name}}` inside
    one stays text. Values that the template does not name are left out.
    """
    missing = [name for name in variables_in(template) if not variables.get(name, "").strip()]
    if missing:
        raise Invalid({"variables": [f"Give a value for {name}." for name in missing]})
    if not template.strip():
        return prompt
    values = {**variables, PROMPT: prompt}
    filled = _PLACE.sub(lambda place: values[place[1]], template)
    return filled if PROMPT in _PLACE.findall(template) else f"{filled.rstrip()}\n\n{prompt}"
