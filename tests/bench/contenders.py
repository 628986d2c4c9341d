"""Ways to serve one GGUF file to many, side by side: this site's host, and what else people run."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import httpx
from llama_cpp import Llama

from fusion_site.compact.cores import usable_cores
from tests.compact.hosting import KEY, run_host
from tests.providers.real_servers import run_llama_cpp_server

SLOTS, CONTEXT = 16, 4096
PATIENCE_S = 300.0
LOCK_WAIT_S = 0.01


class Contender(Protocol):
    """Streams answers."""

    def pieces(self, prompt: str, limit: int) -> AsyncIterator[str]:
        """Give the text of one answer of exactly `limit` tokens as it is written."""
        ...


@dataclass(frozen=True)
class Served:
    """A server with the OpenAI API."""

    base_url: str
    model: str
    key: str = ""

    async def pieces(self, prompt: str, limit: int, **more: Any) -> AsyncIterator[str]:
        """Give the text of one answer as it is written; `more` goes into the request's body."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": limit,
            "stream": True,
            "seed": 1,
            **more,
        }
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        async with (
            httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
            client.stream(
                "POST", f"{self.base_url}/chat/completions", json=body, headers=headers
            ) as response,
        ):
            assert response.status_code == 200, (await response.aread()).decode()
            async for line in response.aiter_lines():
                if line.startswith("data: {") and (text := _text_in(json.loads(line[6:]))):
                    yield text


@dataclass(frozen=True)
class Locked:
    """One `Llama()` object in this process, under a lock; the one thread that asks it is always the same."""

    llama: Llama
    lock: asyncio.Lock

    async def pieces(self, prompt: str, limit: int) -> AsyncIterator[str]:
        """Give the text of one answer as it is written."""
        async with self.lock:
            messages = [{"role": "user", "content": prompt}]
            chunks = self.llama.create_chat_completion(
                messages,  # type: ignore[arg-type]
                max_tokens=limit,
                stream=True,
                seed=1,
            )
            for chunk in chunks:
                if text := _text_in(chunk):
                    yield text
                await asyncio.sleep(0)


@dataclass(frozen=True)
class Figures:
    """Of answers at once: tokens per second over all of them, and the median of the seconds to their first text."""

    rate: float
    first_s: float


async def measure(contender: Contender, prompts: list[str], limit: int) -> Figures:
    """Ask all prompts at once."""
    began = time.perf_counter()

    async def first_after(prompt: str) -> float:
        first = 0.0
        async for _ in contender.pieces(prompt, limit):
            first = first or time.perf_counter() - began
        return first

    firsts = await asyncio.gather(*(first_after(prompt) for prompt in prompts))
    return Figures(len(prompts) * limit / (time.perf_counter() - began), median(firsts))


async def largest_gap(contender: Served, prompt: str, joiners: list[str], limit: int) -> float:
    """Give the longest pause between pieces of a running answer from when others join until they are through.

    The bench's own model is kept from writing single bytes of longer characters: half a character is no piece yet.
    """
    joining: asyncio.Future[Any] | None = None
    gap, last, seen = 0.0, 0.0, 0
    no_halves = {str(token): -100 for token in range(0x80, 0x100)}
    async for _ in contender.pieces(prompt, limit, logit_bias=no_halves):
        now, seen = time.perf_counter(), seen + 1
        if joining is not None:
            gap = max(gap, now - last)
            if joining.done():
                break
        elif seen == 10:
            joining = asyncio.gather(*(_read(contender, joiner) for joiner in joiners))
        last = now
    assert joining is not None
    await joining
    return gap


async def _read(contender: Contender, prompt: str) -> None:
    async for _ in contender.pieces(prompt, 8):
        pass


@contextmanager
def compact(model: Path) -> Iterator[Served]:
    """This site's host."""
    options = (f"--slots={SLOTS}", f"--context={CONTEXT}", "--threads=0")
    with run_host(model, *options) as host:
        report = host.report()
        assert report["state"] == "ready", report
        yield Served(f"{host.base_url}/v1", report["model"], KEY)


@contextmanager
def llama_cpp_server(model: Path) -> Iterator[Served]:
    """`python -m llama_cpp.server`, told to let running answers end."""
    settings = {"context": CONTEXT, "threads": usable_cores(), "interrupt_requests": False}
    with run_llama_cpp_server(model.parent, model, **settings) as base_url:
        yield Served(base_url, model.stem)


@contextmanager
def llama_object(model: Path) -> Iterator[Locked]:
    """One `Llama()` object under a lock."""
    threads = usable_cores()
    llama = Llama(str(model), n_ctx=CONTEXT, n_threads=threads, n_threads_batch=threads, verbose=False)
    yield Locked(llama, asyncio.Lock())
    llama.close()


@contextmanager
def llama_server(model: Path) -> Iterator[Served]:
    """llama.cpp's own `llama-server`, where it is installed, with as much memory and as many slots."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sizes = [f"-c={SLOTS * 1024}", f"-np={SLOTS}", f"-t={usable_cores()}"]
    options = [part for size in sizes for part in size.split("=")]
    command = ["llama-server", "-m", str(model), "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_ready(f"http://127.0.0.1:{port}/health", process)
        yield Served(f"http://127.0.0.1:{port}/v1", model.stem)
    finally:
        process.kill()
        process.wait()


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, "llama-server ended"
        assert time.monotonic() < ends, "llama-server did not load"
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)


CONTENDERS: Mapping[str, Callable[[Path], Any]] = {
    "this host": compact,
    "llama_cpp.server": llama_cpp_server,
    "Llama() under a lock": llama_object,
} | ({"llama-server": llama_server} if shutil.which("llama-server") else {})


def _text_in(chunk: Any) -> str:
    choices = chunk["choices"]
    return str(choices[0]["delta"].get("content") or "") if choices else ""
