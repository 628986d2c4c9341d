"""Starting points for model servers on this machine: plain links that fill the form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from fusion_site.accounts.models import Membership, User
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import Connection
from fusion_site.pools.starts import STARTS, Start
from tests.pools.test_pages import opened

EXPECTED = {
    "ollama": ("Ollama", "http://127.0.0.1:11434/v1", "8"),
    "lm-studio": ("LM Studio", "http://127.0.0.1:1234/v1", "8"),
    "llama-server": ("llama-server", "http://127.0.0.1:8080/v1", "8"),
    "vllm": ("vLLM", "http://127.0.0.1:8000/v1", "8"),
    "llama-cpp-server": ("llama_cpp.server", "http://127.0.0.1:8000/v1", "1"),
}


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


@pytest.mark.parametrize("slug", EXPECTED)
def test_a_link_fills_the_form_and_says_what_the_operator_has_to_list(
    browser: Client, settings: LazySettings, slug: str
) -> None:
    assert f'href="?start={slug}"' in browser.get("/connections/new/").content.decode()
    page = opened(browser.get(f"/connections/new/?start={slug}"))
    found = tuple(page.values[name] for name in ("name", "base_url", "parallel"))
    assert (found, page.values["kind"]) == (EXPECTED[slug], "openai")
    host_port = page.values["base_url"].split("/")[2]
    assert f"has to list <code>{host_port}</code> in <code>FUSION_PRIVATE_UPSTREAMS</code>" in page.html
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({host_port})
    listed = opened(browser.get(f"/connections/new/?start={slug}"))
    assert "Filled in for" in listed.html
    assert "FUSION_PRIVATE_UPSTREAMS" not in listed.html


def test_the_form_so_filled_is_refused_until_it_is_listed_and_then_saved(
    browser: Client, settings: LazySettings
) -> None:
    path = "/connections/new/?start=ollama"
    sent = opened(browser.get(path)).values
    refused = opened(browser.post(path, sent), 422)
    assert "has not listed 127.0.0.1:11434" in refused.error_at("base_url")
    assert refused.values["base_url"] == sent["base_url"]
    assert "Filled in for Ollama" in refused.html
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({"127.0.0.1:11434"})
    assert browser.post(path, sent).status_code == 302
    row = Connection.objects.get(name="Ollama")
    assert (row.base_url, row.parallel, row.state) == ("http://127.0.0.1:11434/v1", 8, "ready")


def test_what_was_typed_is_not_filled_over(browser: Client) -> None:
    path = "/connections/new/?start=ollama"
    page = opened(browser.post(path, {"kind": "openai", "name": "Mine", "base_url": "ftp://x"}), 422)
    assert (page.values["name"], page.values["base_url"]) == ("Mine", "ftp://x")


@pytest.mark.parametrize("slug", ["", "nonsense", "OLLAMA", "%00"])
def test_an_unknown_word_is_the_plain_form(browser: Client, slug: str) -> None:
    page = opened(browser.get(f"/connections/new/?start={slug}"))
    assert (page.values["name"], page.values["kind"], page.values["base_url"]) == ("", "openrouter", "")
    assert "Filled in" not in page.html


def test_other_forms_and_saved_connections_have_none(browser: Client, connection: Connection) -> None:
    for path in (f"/connections/{connection.pk}/?start=ollama", "/pools/new/?start=ollama"):
        html = opened(browser.get(path)).html
        assert "11434" not in html
        assert "starts-title" not in html


@pytest.mark.parametrize("start", STARTS)
def test_every_start_can_be_saved_where_it_is_listed(
    place: Membership, settings: LazySettings, start: Start
) -> None:
    missing = start.unlisted
    assert missing is not None
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({missing})
    assert STARTS[STARTS.index(start)].unlisted is None
    assert save_connection(place, start.draft).base_url == start.base_url
