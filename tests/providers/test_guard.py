"""The outbound guard, proved with real listeners: what must not be reached is never even connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network
from typing import Any

import pytest

from fusion_site.engine.asking import AskRetrying, ErrorKind, Outcome
from fusion_site.providers import Providers
from fusion_site.providers.addresses import is_public
from tests.providers.server import (
    HELLO,
    KEEP,
    PATIENT,
    QUICK,
    TRUSTED,
    Blunt,
    RawServer,
    Result,
    Script,
    asker_for,
    body,
    event,
    frame,
    head,
    providers_for,
    question,
    says,
)


def answering(*answers: list[str]) -> tuple[Callable[[str, int], Awaitable[Sequence[str]]], list[str]]:
    """Give a resolver that gives each answer once and then the last one again, and the names it was asked."""
    asked: list[str] = []

    async def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


async def ask(providers: Providers, server: RawServer, **endpoint: Any) -> Result:
    asker = asker_for(providers, server.endpoint(**endpoint))
    result = Result([happened async for happened in asker.ask(question())])
    await providers.aclose()
    return result


def refused_alike(result: Result, host: str) -> bool:
    """Whether a result is the one for everything that is not reached, told in the same words after the same tries."""
    retries = sum(isinstance(happened, AskRetrying) for happened in result.events)
    alike = (result.outcome, result.error.kind, result.error.status, retries)
    words = f"No connection to {host}. Check the address"
    return alike == (Outcome.ERROR, ErrorKind.NETWORK, None, 2) and result.error.message.startswith(words)


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        ["10.0.0.7"],
        ["8.8.8.8", "127.0.0.1"],
        [],
    ],
)
async def test_a_name_with_a_private_address_is_not_connected_to(answers: list[str]) -> None:
    async with RawServer([HELLO]) as server:
        ports = frozenset({server.port})
        resolver, asked = answering(answers)
        providers = Providers(
            frozenset(), resolver, public_ports=ports, clocks=PATIENT, retries=QUICK, tls=TRUSTED
        )
        result = await ask(providers, server, base_url=f"https://public.example:{server.port}/v1")
        assert refused_alike(result, "public.example")
        assert server.connections == 0
        assert asked


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ],
)
async def test_a_private_address_in_any_spelling_is_not_connected_to(host: str) -> None:
    async with RawServer([HELLO]) as server:
        ports = frozenset({server.port})
        providers = Providers(frozenset(), public_ports=ports, clocks=PATIENT, retries=QUICK, tls=TRUSTED)
        result = await ask(providers, server, base_url=f"https://{host}:{server.port}/v1")
        assert refused_alike(result, host.strip("[]"))
        assert server.connections == 0


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_the_mapped_address_would_have_been_reached_without_the_guard() -> None:
    async with RawServer([HELLO]) as server:
        providers = Providers(
            frozenset({f"[::ffff:127.0.0.1]:{server.port}"}), clocks=PATIENT, retries=QUICK, tls=TRUSTED
        )
        result = await ask(providers, server, base_url=f"http://[::ffff:127.0.0.1]:{server.port}/v1")
        assert (result.text, server.connections) == ("Hello", 1)


async def test_only_the_listed_port_of_a_listed_host() -> None:
    async with RawServer([HELLO]) as listed, RawServer([HELLO]) as other:
        assert (await ask(providers_for(listed), listed)).text == "Hello"
        assert refused_alike(await ask(providers_for(listed), other), "127.0.0.1")
        assert other.connections == 0


async def test_another_name_of_a_listed_host_is_not_listed() -> None:
    async with RawServer([HELLO]) as server:
        result = await ask(providers_for(server), server, base_url=f"http://localhost:{server.port}/v1")
        assert refused_alike(result, "localhost")
        assert server.connections == 0


async def test_http_and_odd_ports_are_for_listed_hosts_only() -> None:
    resolver, asked = answering(["8.8.8.8"])
    for url in ("http://public.example/v1", "https://public.example:8443/v1", "http://public.example:443/v1"):
        async with RawServer([HELLO]) as server:
            providers = Providers(frozenset(), resolver, clocks=PATIENT, retries=QUICK, tls=TRUSTED)
            assert refused_alike(await ask(providers, server, base_url=url), "public.example")
    assert asked == []


async def test_a_refused_port_and_an_unknown_name_are_told_alike() -> None:
    async with RawServer([HELLO]) as server:
        pass  # its port is closed now
    assert refused_alike(await ask(providers_for(server), server), "127.0.0.1")

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    providers = Providers(frozenset(), unknown, clocks=PATIENT, retries=QUICK, tls=TRUSTED)
    assert refused_alike(
        await ask(providers, server, base_url="https://nowhere.example/v1"), "nowhere.example"
    )


async def test_a_name_is_resolved_once_and_the_checked_address_is_the_connected_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fusion_site.providers.addresses.DENIED_V4", (IPv4Network("127.0.0.1/32"),))
    async with Blunt([Script([])], host="127.0.0.2") as public, Blunt([Script([])]) as private:
        for answers in (["127.0.0.2"], ["127.0.0.1"]), (["127.0.0.1"], ["127.0.0.2"]):
            resolver, asked = answering(*answers)
            server = public if answers[0] == ["127.0.0.2"] else private
            ports = frozenset({server.port})
            providers = Providers(
                frozenset(), resolver, public_ports=ports, clocks=PATIENT, retries=QUICK, tls=TRUSTED
            )
            before = public.connections
            await ask(providers, server, base_url=f"https://rebinding.example:{server.port}/v1")
            assert len(asked) == 3  # one look-up for each of the three tries, none between check and connect
            assert public.connections - before == (1 if server is public else 0)
        assert private.connections == 0


async def test_a_redirect_leads_nowhere() -> None:
    async with RawServer([HELLO]) as secret:
        moved = body("", 302, f"Location: {secret.base_url}/chat/completions")
        async with RawServer([moved]) as server:
            result = await ask(providers_for(server, secret), server)
            assert (result.error.kind, result.error.status) == (ErrorKind.PROTOCOL, 302)
            assert secret.connections == 0


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer([HELLO]) as proxy, RawServer([HELLO]) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host_port}")
        assert (await ask(providers_for(server), server)).text == "Hello"
        assert proxy.connections == 0


async def test_cookies_are_not_kept() -> None:
    headers = head(200, "text/event-stream", "Set-Cookie: id=1; Path=/")
    script = Script([headers, frame(event(says("a", "stop")) + b"data: [DONE]\n\n"), b"0\r\n\r\n"], KEEP)
    async with RawServer([script]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint())
        for _ in range(2):
            assert [happened async for happened in asker.ask(question())]
        await providers.aclose()
        assert ["cookie" in request.headers for request in server.requests] == [False, False]


async def test_a_host_may_be_allowed_and_disallowed_while_running() -> None:
    keep = Script([head(), frame(event(says("Hello", "stop")) + b"data: [DONE]\n\n"), b"0\r\n\r\n"], KEEP)
    async with RawServer([keep]) as server:
        providers = Providers(frozenset(), clocks=PATIENT, retries=QUICK, tls=TRUSTED)
        asker = asker_for(providers, server.endpoint())
        providers.allow(server.host_port)
        assert Result([happened async for happened in asker.ask(question())]).text == "Hello"
        providers.disallow(server.host_port)
        assert refused_alike(Result([happened async for happened in asker.ask(question())]), "127.0.0.1")
        assert len(server.requests) == 1
        await asyncio.wait_for(server.gone.wait(), 2)  # the kept connection is closed
        await providers.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pw@127.0.0.1/v1",
        "https://127.0.0.1/v1#x",
        "ftp://127.0.0.1/v1",
        "file:///etc/passwd",
        "127.0.0.1/v1",
        "https:///v1",
        "https://a b/v1",
        "https://0177.0.0.1/v1",
        "https://a%2eb/v1",
        "https://host:99999/v1",
        "https://host\n.example/v1",
        "",
    ],
)
async def test_what_is_no_plain_address_is_refused_as_such(url: str) -> None:
    async with RawServer([HELLO]) as server:
        result = await ask(providers_for(server), server, base_url=url)
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.BAD_REQUEST)
        assert "https://host/v1" in result.error.message
        assert server.connections == 0


async def test_forms_can_ask_about_an_address_before_anything_is_sent() -> None:
    providers = Providers(frozenset({"Ollama.LAN:11434", "[::1]:8080"}))
    for good in ("https://openrouter.ai/api/v1", "http://ollama.lan:11434/v1", "http://[::1]:8080"):
        assert providers.address_error(good) is None
    for bad, kind in (("http://openrouter.ai/v1", ErrorKind.NETWORK), ("nonsense", ErrorKind.BAD_REQUEST)):
        error = providers.address_error(bad)
        assert error is not None
        assert error.kind is kind
    await providers.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.8.8.8",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "169.253.1.1",
        "223.255.255.255",
        "2606:4700::1",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)
