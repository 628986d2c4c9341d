"""Composing: drafts that survive and do not eat each other, changes for one run alone, and what presets usually take."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import User
from fusion_site.pools.models import Judge, PoolMember
from fusion_site.runs.attached.models import Draft, DraftFile
from fusion_site.runs.flows.draft import MOST_DRAFTS, forget_drafts
from fusion_site.runs.models import Run
from tests.runs.conftest import Desk
from tests.runs.test_executing import work
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


class Tab:
    """One tab of a browser in which the compose page is open, as its form sends what stands in it."""

    def __init__(self, browser: Client, address: str = "/") -> None:
        self.browser, self.files = browser, list[str]()
        self.page = browser.get(address).content.decode()
        self.hidden = {name: self.value(name) for name in ("tab", "draft", "seen")}
        self.files = re.findall(r'name="file" value="(\w+)"', self.page)

    def value(self, name: str) -> str:
        """Give what a hidden field holds."""
        found = re.search(rf'name="{name}" value="(\w*)"', self.page)
        assert found
        return found[1]

    @property
    def prompt(self) -> str:
        """Give the prompt that the page came with."""
        found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", self.page, re.DOTALL)
        assert found
        return found[1]

    def send(self, address: str, prompt: str, **form: Any) -> HttpResponse:
        """Send the form to one of its addresses."""
        given = {**self.hidden, "prompt": prompt, "file": self.files, **form}
        return self.browser.post(address, given, headers=HTMX if address != "/" else {})  # type: ignore[return-value]

    def type(self, prompt: str, **form: Any) -> str:
        """Type, and wait until that is kept."""
        return self.send("/draft/", prompt, **form).content.decode()

    def add(self, name: str, data: bytes, prompt: str = "") -> str:
        """Put a file beside the prompt."""
        upload = io.BytesIO(data)
        upload.name = name
        page = self.send("/draft/files/", prompt, files=[upload]).content.decode()
        self.files = re.findall(r'name="file" value="(\w+)"', page)
        return page


@pytest.fixture
def browser(desk: Desk, client_for: Callable[[User | None], Client]) -> Client:
    """Give bob's browser."""
    return client_for(desk.person)


def test_a_draft_survives_a_reload_and_a_sign_out(
    desk: Desk, browser: Client, client_for: Callable[[User | None], Client], alice: User
) -> None:
    desk.change(template="On {{topic}}: {{prompt}}")
    tab = Tab(browser)
    topic = f"variable-{desk.preset.pk}-topic"
    tab.add("notes.md", b"# Notes")
    assert "Draft kept" in tab.type("Half a thou", preset=desk.preset.pk, mode="debate", **{topic: "locks"})
    for client in (browser, client_for(desk.person)):
        again = Tab(client)
        assert again.prompt == "Half a thou"
        assert again.files == tab.files
        assert 'value="locks"' in again.page
        assert '<option value="debate" selected>' in again.page
    assert Tab(client_for(alice)).prompt == ""


def test_two_tabs_do_not_eat_each_others_text(browser: Client) -> None:
    begun = Tab(browser)
    begun.add("a.txt", b"a", "Begun")
    begun.type("Begun")
    left, right = Tab(browser), Tab(browser)
    assert left.prompt == right.prompt == "Begun"
    assert "another tab" not in left.type("Begun on the left")
    parted = right.type("Begun on the right")
    assert "another tab" in parted
    assert "a.txt" in parted
    assert "another tab" not in right.type("Begun on the right, and on")
    left.type("Begun on the left, and on")
    begun.type("Begun, first tab")
    kept = {row.fields["prompt"][0]: row.files.count() for row in Draft.objects.all()}
    assert kept == {"Begun on the left, and on": 1, "Begun on the right, and on": 1, "Begun, first tab": 1}
    newest = Tab(browser)
    assert newest.prompt == "Begun, first tab"
    assert "Begun on the left" in newest.page
    assert "Begun on the right" in newest.page
    other = Draft.objects.get(fields__prompt=["Begun on the left, and on"])
    assert Tab(browser, f"/?draft={other.pk}").prompt == "Begun on the left, and on"
    assert Tab(browser, "/?new").prompt == ""


def test_what_is_asked_is_no_draft_any_more_and_what_is_refused_is(desk: Desk, browser: Client) -> None:
    other = Tab(browser)
    other.type("Another")
    tab = Tab(browser, "/?new")
    tab.add("a.txt", b"a")
    refused = tab.send("/", "Why?", preset="x" * 24)
    assert refused.status_code == 422
    assert "Choose a preset." in refused.content.decode()
    assert Tab(browser).prompt == "Why?"
    assert tab.send("/", "Why?", preset=desk.preset.pk).status_code == 302
    assert [row.fields["prompt"] for row in Draft.objects.all()] == [["Another"]]
    assert Run.objects.get().prompt.startswith("Why?\n\nFile: a.txt\n```\na\n```")


def test_what_is_too_long_for_any_prompt_leaves_the_draft_as_it_was(browser: Client) -> None:
    tab = Tab(browser)
    tab.type("Short")
    assert "Not kept" in tab.type("x" * 400_001)
    assert Tab(browser).prompt == "Short"


def test_a_draft_ends_with_its_text(browser: Client) -> None:
    tab = Tab(browser)
    tab.type("Some")
    assert "Draft kept" not in tab.type("  ")
    assert not Draft.objects.exists()
    tab.add("a.txt", b"a")
    tab.type("")
    assert Draft.objects.count() == 1
    page = tab.send("/draft/files/remove/", "", remove=tab.files[0]).content.decode()
    assert "a.txt" not in page
    tab.files = []
    tab.type("")
    assert not Draft.objects.exists()


def test_a_file_that_is_gone_is_said_and_nothing_typed_is_lost(desk: Desk, browser: Client) -> None:
    tab = Tab(browser)
    tab.add("a.txt", b"a")
    DraftFile.objects.all().delete()
    refused = tab.send("/", "Why?", preset=desk.preset.pk)
    assert refused.status_code == 422
    assert "no longer there" in refused.content.decode()
    assert "Why?</textarea>" in refused.content.decode()
    assert not Run.objects.exists()


def test_a_foreign_file_is_as_one_that_is_gone(
    desk: Desk, browser: Client, client_for: Callable[[User | None], Client], alice: User
) -> None:
    hers = Tab(client_for(alice))
    hers.add("hers.txt", b"her secret")
    mine = Tab(browser)
    mine.files = hers.files
    answers = [mine.send("/", "Why?", preset=desk.preset.pk)]
    mine.files = ["a" * 24]
    answers.append(mine.send("/", "Why?", preset=desk.preset.pk))
    assert [each.status_code for each in answers] == [422, 422]
    assert "her secret" not in mine.type("Why?")
    mine.send("/draft/files/remove/", "", remove=hers.files[0])
    mine.browser.post("/draft/discard/", {"discard": Draft.objects.get(person=alice).pk})
    assert DraftFile.objects.get().name == "hers.txt"


def test_drafts_are_bounded_and_go_in_time(browser: Client) -> None:
    for number in range(MOST_DRAFTS + 2):
        Tab(browser, "/?new").type(f"Number {number}")
    assert Draft.objects.count() == MOST_DRAFTS
    newest = Draft.objects.get(fields__prompt=[f"Number {MOST_DRAFTS + 1}"])
    assert f"Number {MOST_DRAFTS}" in Tab(browser).page
    browser.post("/draft/discard/", {"discard": newest.pk})
    assert Draft.objects.count() == MOST_DRAFTS - 1
    forget_drafts(timezone.now() + timedelta(days=29))
    assert Draft.objects.count() == MOST_DRAFTS - 1
    forget_drafts(timezone.now() + timedelta(days=31))
    assert not Draft.objects.exists()


def test_without_scripts_files_come_with_the_form(desk: Desk, browser: Client) -> None:
    tab = Tab(browser)
    good, bad = io.BytesIO(b"text"), io.BytesIO(b"\0")
    good.name, bad.name = "good.txt", "bad.bin"
    refused = tab.send("/", "Why?", preset=desk.preset.pk, files=[good, bad])
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "“bad.bin” is neither" in page
    assert "good.txt" in page
    tab.files = re.findall(r'name="file" value="(\w+)"', page)
    extra = io.BytesIO(b"more")
    extra.name = "more.txt"
    tab.send("/", "Why?", preset=desk.preset.pk, files=[extra])
    assert re.findall(r"File: (\S+)", Run.objects.get().prompt) == ["good.txt", "more.txt"]
    tab = Tab(browser)
    tab.add("a.txt", b"a")
    plain = browser.post(
        "/draft/files/remove/", {**tab.hidden, "prompt": "Typed", "file": tab.files, "remove": tab.files[0]}
    )
    assert plain.status_code == 302
    assert Tab(browser).prompt == "Typed"
    assert Tab(browser).files == []


def test_members_mode_and_judge_are_changed_for_one_run_alone(
    desk: Desk, browser: Client, upstream: Upstream
) -> None:
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script([f"{name} says so."])
    ids = {row.model: str(row.pk) for row in desk.preset.pool.members.all()}
    other = Judge.objects.create(
        team=desk.team, name="Other", connection=desk.preset.judge.connection, model="judge"
    )
    there = {f"on-there-{desk.preset.pk}": list(ids.values())}
    form = {"preset": desk.preset.pk, "mode": "merge", "judge": other.pk, **there}
    form[f"on-{desk.preset.pk}"] = [ids["ada"], ids["cyd"]]
    assert Tab(browser).send("/", "Why?", **form).status_code == 302
    run = Run.objects.get()
    assert (run.mode, run.settings["judge"]["name"], run.pinned["judge"]["id"]) == (
        "merge",
        "Other",
        other.pk,
    )
    assert [(a.member, a.label) for a in run.answers.all()] == [(0, "Ada"), (2, "Cyd")]
    assert work(run).state == "done"
    assert not upstream.asked("bea")
    desk.preset.refresh_from_db()
    assert (desk.preset.mode, desk.preset.judge.name, desk.preset.pool.members.count()) == (
        "best_of",
        "Judge",
        3,
    )


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"mode": "loudest"}, "Choose one of: best_of, merge, debate."),
        ({"judge": "a" * 24}, "There is no such judge."),
        ({"on-there": ["1", "2", "3"]}, "The pool of this preset has changed meanwhile."),
        ({"on-there": "all"}, "Leave at least one member on."),
    ],
)
def test_a_change_that_cannot_be_made_is_said_at_its_field(
    desk: Desk, browser: Client, form: dict[str, Any], field: str
) -> None:
    if (there := form.pop("on-there", None)) is not None:
        all_ids = [
            row.pk + (1000 if there != "all" else 0)
            for row in PoolMember.objects.filter(pool=desk.preset.pool)
        ]
        form[f"on-there-{desk.preset.pk}"] = all_ids
    refused = Tab(browser).send("/", "Why?", preset=desk.preset.pk, **form)
    assert refused.status_code == 422
    assert field in refused.content.decode()
    assert "Why?</textarea>" in refused.content.decode()
    assert not Run.objects.exists()


def test_the_estimate_follows_the_members(desk: Desk, browser: Client) -> None:
    for name in ("ada", "bea", "cyd", "judge"):
        desk.preset.judge.connection.catalogue.create(model=name, prompt_price=0, completion_price="0.001")
    ids = [row.pk for row in desk.preset.pool.members.all()]
    form = {"preset": desk.preset.pk, "prompt": "x", f"on-there-{desk.preset.pk}": ids}
    whole = browser.post("/estimate/", {**form, f"on-{desk.preset.pk}": ids}).content.decode()
    less = browser.post("/estimate/", {**form, f"on-{desk.preset.pk}": ids[:1]}).content.decode()
    assert "$0.75 to $" in whole
    assert "$0.25 to $4.10" in less


def test_a_preset_says_what_it_takes(desk: Desk, browser: Client) -> None:
    assert re.search(r"<span>cost unknown</span><span>time unknown</span>", Tab(browser).page)
    for name in ("ada", "bea", "cyd", "judge"):
        desk.preset.judge.connection.catalogue.create(model=name, prompt_price=0, completion_price="0.001")
    assert re.search(r"<span>\$0.75 to \$[\d.]+</span><span>time unknown</span>", Tab(browser).page)
    begun = timezone.now()
    for cost, seconds in ((None, 5), (Decimal("0.02"), 10), (Decimal("0.04"), 12), (Decimal("0.90"), 90)):
        run = desk.start()
        Run.objects.filter(pk=run.pk).update(
            state="done",
            is_open=False,
            cost_usd=cost,
            cost_complete=cost is not None,
            created_at=begun,
            finished_at=begun + timedelta(seconds=seconds),
        )
    assert re.search(r"<span>usually \$0.040</span><span>10.0 s</span>", Tab(browser).page)
