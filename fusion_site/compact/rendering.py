"""Chat templates as the programs they are: Jinja from strangers' files, run in a sandbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

Turns = Sequence[dict[str, str]]


class Refusal(Exception):
    """What the template itself says against a conversation."""


class RenderingFailed(Exception):
    """The template broke at a conversation; the message is Jinja's or Python's."""


class Rendering:
    """One template, made ready; ValueError says why a text is none.

    It knows what Hugging Face's templates count on: loop controls, the `generation` tag, `tojson` without HTML escapes,
    `strftime_now` and `raise_exception`.
    """

    def __init__(self, source: str, *, begin: str = "", end: str = "") -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
        )
        environment.filters["tojson"] = _json
        environment.globals |= {"raise_exception": _refuse, "strftime_now": _now}
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise ValueError(f"{error.message} (line {error.lineno})") from error
        self._ends = {"bos_token": begin, "eos_token": end}

    def __call__(self, turns: Turns) -> str:
        """The text of a conversation, up to where the model is to go on; raises `Refusal` or `RenderingFailed`."""
        try:
            return self._template.render(
                messages=list(turns), add_generation_prompt=True, tools=None, **self._ends
            )
        except Refusal:
            raise
        except Exception as error:  # a template is a program: anything can come out of it
            raise RenderingFailed(str(error) or type(error).__name__) from error

    def tells(self, turns: Turns) -> bool:
        """Whether a conversation is taken, and the text of every turn stands in what comes out."""
        try:
            rendered = self(turns)
        except (Refusal, RenderingFailed):
            return False
        return all(turn["content"] in rendered for turn in turns)


class _Generation(Extension):
    """The tag around what an assistant wrote, which only matters in training."""

    tags = {"generation"}  # noqa: RUF012  Jinja's own way to say it

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: object) -> NoReturn:
    raise Refusal(str(message))


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _json(value: Any, ensure_ascii: bool = False, **settings: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **settings)
