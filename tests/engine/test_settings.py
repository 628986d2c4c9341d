"""What no run can be made of is refused, and what a member is asked is put together."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import Message
from fusion_site.engine.thread import messages_for
from tests.engine.recording import member, settings

USER, MODEL = Message("user", "Why?"), Message("assistant", "So.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": ()},
        {"members": (member(0), member(0))},
        {"messages": ()},
        {"messages": (USER, MODEL)},
        {"messages": (Message("system", "Be kind."),)},
    ],
)
def test_a_run_needs_somebody_and_something_to_ask(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="run"):
        settings(**wrong)


@pytest.mark.parametrize(
    ("own", "given", "asked"),
    [
        ("", (USER,), (USER,)),
        ("Be brief.", (USER,), (Message("system", "Be brief."), USER)),
        ("", (Message("system", "Be kind."), USER), (Message("system", "Be kind."), USER)),
        (
            "Be brief.",
            (Message("system", "Be kind."), USER, MODEL, USER),
            (Message("system", "Be brief.\n\nBe kind."), USER, MODEL, USER),
        ),
    ],
)
def test_a_member_is_asked_with_one_system_turn_its_own_words_first(
    own: str, given: tuple[Message, ...], asked: tuple[Message, ...]
) -> None:
    assert messages_for(settings(messages=given), member(0, system=own)) == asked
