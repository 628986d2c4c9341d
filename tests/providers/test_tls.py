"""TLS through the guard: the certificate is checked for the name, though the connection goes to an address."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.providers import Clocks, Providers
from tests.certificates import self_signed
from tests.providers.server import (
    HELLO,
    PATIENT,
    QUICK,
    Blunt,
    RawServer,
    Result,
    Script,
    ask_at,
    asker_for,
    question,
)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Give a file with a key and a certificate for model.test that vouches for itself."""
    path = tmp_path / "model.pem"
    path.write_bytes(b"".join(self_signed("model.test")))
    return path


async def loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def ask_name(server: RawServer, name: str, trusted: Path | None) -> Result:
    """Ask `server` by `name`, which resolves to it and is listed."""
    tls = ssl.create_default_context(cafile=str(trusted)) if trusted else None
    listed = frozenset({f"{name}:{server.port}"})
    providers = Providers(listed, loopback, clocks=PATIENT, retries=QUICK, tls=tls)
    asker = asker_for(providers, server.endpoint(base_url=f"https://{name}:{server.port}/v1"))
    result = Result([event async for event in asker.ask(question())])
    await providers.aclose()
    return result


def context(certificate: Path) -> tuple[ssl.SSLContext, list[str | None]]:
    """Give a server's context and the names that clients ask it for."""
    names: list[str | None] = []
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    made.sni_callback = lambda _, name, __: names.append(name)
    return made, names


async def test_the_name_is_asked_for_and_checked_while_the_address_is_connected_to(certificate: Path) -> None:
    tls, names = context(certificate)
    async with RawServer([HELLO], tls=tls) as server:
        result = await ask_name(server, "model.test", certificate)
        assert (result.text, names) == ("Hello", ["model.test"])
        assert server.requests[0].headers["host"] == f"model.test:{server.port}"


@pytest.mark.parametrize(
    ("name", "trust", "reason"), [("other.test", True, "mismatch"), ("model.test", False, "self-signed")]
)
async def test_a_certificate_of_another_name_or_of_nobody_is_refused(
    certificate: Path, name: str, trust: bool, reason: str
) -> None:
    tls, _ = context(certificate)
    async with RawServer([HELLO], tls=tls) as server:
        result = await ask_name(server, name, certificate if trust else None)
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.NETWORK)
        assert result.error.message.startswith(f"No secure connection to {name}: ")
        assert reason in result.error.message
        assert server.requests == []


async def test_a_server_without_tls_is_told_as_such() -> None:
    async with Blunt([Script([b"HTTP/1.1 400 Bad Request\r\n\r\n"])]) as server:
        result = await ask_name(server, "model.test", None)
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.NETWORK)
        assert result.error.message.startswith("No secure connection to model.test: it does not speak TLS")


async def test_a_server_that_hangs_up_in_the_handshake_is_tried_again() -> None:
    async with Blunt([Script([])]) as server:
        result = await ask_name(server, "model.test", None)
        assert (result.error.kind, server.connections) == (ErrorKind.NETWORK, 3)
        assert result.error.message.startswith("No connection to model.test.")


async def test_silence_in_the_handshake_is_told_like_nobody_listening() -> None:
    """A server that accepts and says nothing is no TLS failure, and may answer the next time."""
    async with RawServer([HELLO]) as server:
        address = server.base_url.replace("http:", "https:")
        result = await ask_at(server, settings={"clocks": Clocks(connect_s=0.1)}, base_url=address)
    assert (result.error.kind, result.error.retryable) == (ErrorKind.NETWORK, True)
    assert result.error.message.startswith("No connection to 127.0.0.1.")
