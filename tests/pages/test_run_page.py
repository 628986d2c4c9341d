"""The page of a run: fragments that can be replaced alone, nothing of strangers' that acts, and a small frame."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.urls import reverse

from fusion_site.ops.static_files import squeezed
from tests.pages.run_view import HOSTILE, judging, run_view
from tests.pages.run_view import answer as run_answer

FRAGMENTS = {
    "_run": "run",
    "_run_header": "run-header",
    "_status": "status-line",
    "_fused": "fused",
    "_fused_head": "fused-head",
    "_provenance": "provenance",
    "_rounds": "answers",
    "_ask_another": "ask-another",
    "_verdict": "verdict",
    "_guide_head": "guide-head",
    "_guide_actions": "guide-actions",
}
OF_AN_ANSWER = {
    "_answer": "answer-{}",
    "_answer_head": "answer-{}-head",
    "_answer_foot": "answer-{}-foot",
    "_answer_reasoning": "answer-{}-reasoning",
}
OWN_BYTES = 60_000


class Elements(HTMLParser):
    """Every element of a document with its attributes and its depth."""

    VOID = frozenset({"input", "br", "link", "meta"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], int]] = []
        self._depth = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), self._depth))
        self._depth += tag not in self.VOID

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), self._depth))

    def handle_endtag(self, tag: str) -> None:
        self._depth -= 1

    @property
    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs, _ in self.found if "id" in attrs]

    @property
    def roots(self) -> list[dict[str, str | None]]:
        return [attrs for _, attrs, depth in self.found if depth == 0]


def rendered(name: str, **context: Any) -> str:
    state = run_view()
    known = {"state": state, "status_line": state["status"], "marks": {"id": state["run"]["id"]}}
    return render_to_string(f"runs/{name}.html", {**known, **context})


def fragments() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, place in FRAGMENTS.items():
        yield name, place, {}
    for name, place in OF_AN_ANSWER.items():
        for answer in run_view()["answers"]:
            yield name, place.format(answer["id"]), {"a": answer}


def test_each_fragment_is_one_element_that_replaces_its_own_place() -> None:
    whole = Elements(rendered("_run") + rendered("_guide"))
    for name, place, context in fragments():
        part = Elements(rendered(name, oob=True, **context))
        swaps = [attrs["hx-swap-oob"] for _, attrs, _ in part.found if "hx-swap-oob" in attrs]
        assert [root.get("id") for root in part.roots] == [place], name
        # A live region stays and gets new text, or screen readers would not speak it.
        assert swaps == ["innerHTML" if name == "_status" else "true"], name
        assert place in whole.ids or name in {"_run", "_status"}, name


def test_a_page_names_each_place_once_and_swaps_nothing_by_itself() -> None:
    page = Elements(rendered("run"))
    assert [name for name, times in Counter(page.ids).items() if times > 1] == []
    assert not [attrs for _, attrs, _ in page.found if "hx-swap-oob" in attrs]
    labels = {part for _, attrs, _ in page.found for part in (attrs.get("aria-labelledby") or "").split()}
    assert labels <= set(page.ids)


def test_nothing_of_a_stranger_acts() -> None:
    page = rendered("run")
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") > 20
    assert "<p>First <em>block</em>.</p>" in page


def test_what_a_judge_writes_stands_in_the_place_of_the_verdict_and_only_as_text() -> None:
    state = run_view(verdict=None, judging=judging())
    whole = render_to_string("runs/_verdict.html", {"state": state, "oob": True})
    found = render_to_string("runs/_judge_found.html", {"state": state, "oob": True})
    assert [root.get("id") for root in Elements(whole).roots] == ["verdict"]
    assert [root.get("id") for root in Elements(found).roots] == ["judge-found"]
    assert {"judge-text", "judge-found", "judge-writes", "verdict-title"} <= set(Elements(whole).ids)
    assert whole.count("hx-swap-oob") == found.count("hx-swap-oob") == 1
    assert HOSTILE not in whole
    assert "whom it picks is known at its end" in whole


def test_the_block_that_is_being_written_stands_behind_the_finished_ones() -> None:
    body = rendered("_answer", a=run_view()["answers"][0])
    assert re.search(
        r'id="text-0-0"><div class="block"><p>First <em>block</em>\.</p>\s*</div>'
        r'<div class="block"><p>The tail</p></div></div>',
        body,
    )


def test_an_answers_card_says_how_it_stands() -> None:
    answers = run_view()["answers"]
    heads = [re.sub(r"<[^>]+>", " ", rendered("_answer_head", a=a)) for a in answers]
    for head, words in zip(
        heads,
        [
            "best",
            "In the queue, place 2",
            "late: not in the fused answer",
            "Rate-limited by ",
            "Out of time.",
            "ended without its end mark",
            "Came back empty",
            "Complete",
        ],
        strict=True,
    ):
        assert words in " ".join(head.split())
    assert "cost unknown" in heads[4]
    assert "$0.0042" in heads[0]


def test_answers_that_scroll_by_themselves_can_be_reached_by_keyboard() -> None:
    many = [run_answer(member=i, id=f"answer{i}") for i in range(5)]
    for answers, stops in [(many, 5), (many[:4], 0)]:
        html = render_to_string("runs/_rounds.html", {"state": run_view(answers=answers)})
        assert html.count('tabindex="0"') == stops


def test_only_who_may_stop_sees_stop() -> None:
    answers = run_view()["answers"]
    assert f'hx-post="{reverse("cancel_answer", args=["run1", "answer1"])}"' in rendered(
        "_answer_head", a=answers[1]
    )
    assert "hx-post" not in rendered("_answer_head", a=answers[0])
    assert f'hx-post="{reverse("use_answer", args=["run1", "answer0"])}"' in rendered(
        "_answer_foot", a=answers[0]
    )
    assert "hx-post" not in rendered("_answer_foot", a=answers[1])
    state = run_view()
    state["run"]["may_cancel"] = False
    assert "hx-post" not in render_to_string("runs/_run_header.html", {"state": state})


@pytest.mark.parametrize("state", ["queued", "answering", "judging", "fusing", "failed", "cancelled", "done"])
def test_a_run_without_a_fused_answer_keeps_its_places(state: str) -> None:
    view = run_view(fused=None, verdict=None)
    view["run"]["state"] = state
    html = render_to_string("runs/_run.html", {"state": view})
    ids = Elements(html).ids
    assert {"fused", "fused-head", "fused-body", "verdict"} <= set(ids)
    assert 'aria-labelledby="verdict-title" hidden' in html


def _own_files(html: str) -> Iterator[Path]:
    addresses = re.findall(rf'(?:href|src)="{re.escape(settings.STATIC_URL)}([^"]+\.(?:css|js))"', html)
    for address in addresses:
        if not address.startswith("django_htmx/"):
            found = finders.find(re.sub(r"\.[0-9a-f]{12}\.", ".", address))
            assert found, address
            yield Path(str(found))


def test_the_frame_of_the_largest_page_is_small() -> None:
    view = run_view(answers=[], rounds=[], verdict=None, fused=None, provenance=None)
    html = render_to_string(
        "runs/run.html", {"state": view, "status_line": "", "marks": {"id": view["run"]["id"]}}
    )
    files = list(_own_files(html))
    assert {"tokens.css", "runs.css", "keep.js", "connection.js"} <= {file.name for file in files}
    assert len(html.encode()) + sum(len(squeezed(file)) for file in files) < OWN_BYTES
