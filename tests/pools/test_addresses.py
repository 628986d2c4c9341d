"""Which addresses a connection may be saved with."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from fusion_site.pools.addresses import fault_of


@pytest.mark.parametrize(
    "base_url",
    [
        "https://openrouter.ai/api/v1",
        "https://api.example.com:443/v1",
        "https://xn--bcher-kva.example/v1",
        "https://93.184.216.34/v1",
    ],
)
def test_public_https_may_be_kept(base_url: str) -> None:
    assert fault_of(base_url) is None


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("api.example.com/v1", "https://"),
        ("ftp://api.example.com", "https://"),
        ("https:///v1", "https://"),
        ("https://", "https://"),
        ("https://api.example.com:99999/v1", "443"),
        ("https://a..example.com/v1", "not an address"),
        (f"https://{'a' * 64}.example.com/v1", "not an address"),
        ("https://[::1/v1", "not an address"),
        ("https://me:secret@api.example.com/v1", "Leave out"),
        ("https://me@api.example.com/v1", "Leave out"),
        ("https://api.example.com/v1?key=1", "Leave out"),
        ("https://api.example.com/v1?", "Leave out"),
        ("https://api.example.com/v1#x", "Leave out"),
        ("https://api.example.com/v1/chat/completions", "/chat/completions"),
        ("https://bücher.example/v1", "ASCII"),
        ("https://api.example.com/v1 x", "ASCII"),
        ("https://api.example.com\\@evil.example/", "ASCII"),
        ("http://api.example.com/v1", "has to be https"),
        ("https://api.example.com:8443/v1", "443"),
        ("http://127.0.0.1:11434/v1", "private address"),
        ("https://127.0.0.1/v1", "private address"),
        ("https://10.0.0.7/v1", "private address"),
        ("https://169.254.169.254/latest", "private address"),
        ("https://[::1]/v1", "private address"),
        ("https://[::ffff:10.0.0.7]/v1", "private address"),
        ("https://100.64.0.1/v1", "private address"),
        ("https://localhost/v1", "private address"),
        ("http://ollama.localhost:11434/v1", "private address"),
    ],
)
def test_other_addresses_are_refused_with_a_reason(base_url: str, words: str) -> None:
    assert words in (fault_of(base_url) or "")


def test_the_operator_lists_exact_hosts_and_ports(settings: LazySettings) -> None:
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({"127.0.0.1:11434", "[::1]:8080", "ollama.lan:80"})
    for kept in (
        "http://127.0.0.1:11434/any/path",
        "https://127.0.0.1:11434",
        "http://[::1]:8080/v1",
        "http://ollama.lan/v1",
    ):
        assert fault_of(kept) is None
    for refused in ("http://127.0.0.1:11435/v1", "http://127.0.0.2:11434/v1", "https://ollama.lan:8443/v1"):
        assert fault_of(refused)
