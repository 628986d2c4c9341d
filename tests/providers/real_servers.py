"""`llama_cpp.server` as people start it, as a process of its own on a free port, with two models that the tests write."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

WITHIN_S = 60.0
CONTEXT = 512

_LISTENS = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def run_llama_cpp_server(
    folder: Path, *models: Path, context: int = CONTEXT, threads: int = 1, **settings: Any
) -> Iterator[str]:
    """Serve the models under their files' stems, and give the base URL; ends the process with the block."""
    shared = {"n_ctx": context, "n_threads": threads, "n_threads_batch": threads, "verbose": False}
    listed = [{"model": str(model), "model_alias": model.stem, **shared} for model in models]
    config = folder / "llama_cpp.json"
    config.write_text(json.dumps({"host": "127.0.0.1", "port": 0, "models": listed, **settings}))
    command = [sys.executable, "-m", "llama_cpp.server", "--config_file", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    output = _Output(cast("IO[str]", process.stderr))
    try:
        yield f"{output.address(WITHIN_S)}/v1"
    finally:
        process.kill()
        process.wait()
        output.close()


class _Output:
    """Reads all that a server prints, so that it never waits for a reader, and finds its address in it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._address = ""
        self._is_known = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def address(self, within_s: float) -> str:
        """Give the address once it is printed; fails with what was printed instead."""
        self._is_known.wait(within_s)
        assert self._address, "llama_cpp.server did not start:\n" + "".join(self._lines[-40:])
        return self._address

    def close(self) -> None:
        """Wait for the end of the output."""
        self._thread.join()
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.append(line)
            if found := _LISTENS.search(line):
                self._address = found[1]
                self._is_known.set()
        self._is_known.set()
