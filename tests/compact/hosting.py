"""Real host processes for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds; only a defect or a machine at its limits needs as many
KEY = "a-key-for-tests"


@dataclass(frozen=True)
class RunningHost:
    """A host process that listens; its model may still be loading."""

    process: subprocess.Popen[str]
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def report(self) -> dict[str, Any]:
        """The next line of JSON that the host prints."""
        line: dict[str, Any] = json.loads(cast("TextIO", self.process.stdout).readline())
        return line

    def client(self, **settings: Any) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.AsyncClient(
            base_url=self.base_url, headers=headers, timeout=PATIENCE, trust_env=False, **settings
        )

    async def meter(self, name: str) -> float:
        """One of the host's own numbers."""
        async with self.client() as client:
            lines = (await client.get("/metrics")).text.splitlines()
        return float(next(line for line in lines if line.startswith(f"compact_{name} ")).split()[1])


@contextmanager
def run_host(model: Path, *arguments: str, key: str = KEY) -> Iterator[RunningHost]:
    """A host of `model` that listens, until the block ends; killed tests take it with them."""
    command = [sys.executable, "-m", "fusion_site.compact", "--lifeline", "--threads=1", f"--model={model}"]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=os.environ | {"FUSION_COMPACT_KEY": key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield RunningHost(process, json.loads(cast("TextIO", process.stdout).readline())["port"])
    finally:
        process.kill()
        process.communicate()


def chat(content: str, *, model: str, **settings: Any) -> dict[str, Any]:
    """The body of a chat request with one user message."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **settings}
