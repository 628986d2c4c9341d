"""What templates can say after `{% load page %}`."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.pages import words


def shown(source: str, **context: Any) -> str:
    return Template("{% load page %}" + source).render(Context(context))


def test_an_icon_is_decoration_of_the_size_asked_for() -> None:
    svg = shown("{% icon 'trash' 16 %}")
    assert svg.startswith("<svg")
    assert 'aria-hidden="true"' in svg
    assert 'height="16"' in svg
    assert "style=" not in svg


def test_an_unknown_icon_is_an_error_not_a_gap() -> None:
    with pytest.raises(Exception, match="no-such-icon"):
        shown("{% icon 'no-such-icon' %}")


@pytest.mark.parametrize(
    ("path", "compose_is_here", "runs_is_here"),
    [("/", True, False), ("/runs/", False, True), ("/runs/abc/", False, True), ("/tokens/", False, False)],
)
def test_the_bar_marks_the_page_and_what_is_below_it(
    path: str, compose_is_here: bool, runs_is_here: bool
) -> None:
    request = RequestFactory().get(path)
    compose = shown("{% nav_link 'compose' 'Compose' %}", request=request)
    runs = shown("{% nav_link 'runs' 'Runs' %}", request=request)
    assert ('aria-current="page"' in compose) is compose_is_here
    assert ('aria-current="page"' in runs) is runs_is_here


def test_a_link_of_the_bar_needs_no_request_and_escapes_its_text() -> None:
    assert shown("{% nav_link 'runs' text %}", text="<b>") == '<a href="/runs/">&lt;b&gt;</a>'


def test_unknown_figures_are_said_to_be_unknown() -> None:
    text = shown("{{ x|duration }} {{ x|money }} {{ x|percent }} {{ x|count }} {{ x|per_million }}", x=None)
    assert text == "unknown unknown unknown unknown unknown"


def test_every_outcome_and_error_has_plain_words() -> None:
    assert set(words.OUTCOMES) == {outcome.value for outcome in Outcome}
    assert set(words.ERRORS) == {kind.value for kind in ErrorKind}
    assert shown("{{ o|outcome_word }}, {{ k|error_word }}", o="truncated", k="timeout") == (
        "Cut off at the token limit, Out of time"
    )


def test_a_new_word_is_shown_as_it_is() -> None:
    assert shown("{{ x|state_word }}", x="paused") == "paused"
