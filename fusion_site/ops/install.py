"""Makes the virtual environment and installs the pinned requirements: `python3 fusion_site/ops/install.py VENV FILE…`.

It runs before anything is installed, so it imports only the standard library and nothing of this project. Every
package must have the hash that the file gives. What pip says goes whole to var/install.log; the terminal gets one line.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

LOG = Path(__file__).resolve().parents[2] / "var" / "install.log"
OLDEST = (3, 11)
# The vision library of llama.cpp, which this site does not use, is a third of the compile time.
MODEST_BUILD = "-DLLAVA_BUILD=OFF"
# GCC 12 takes most of what sets up the tiles of Intel's matrix instructions (AMX) for dead, and llama.cpp then crashes in
# the first of them: github.com/ggml-org/llama.cpp/pull/26954. Other compilers pass over the flag or lose nothing by it.
KEPT_STORES = "-fno-dse"
_BUILD_VARIABLES = (
    "CC",
    "CXX",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CMAKE_ARGS",
    "SKBUILD_CMAKE_ARGS",
)
_EVERY_S = 20.0
_TAIL_LINES = 25

# What pip and the C build print when something is missing, and what to do about it. The first that matches is told.
_CAUSES = [
    (
        r"No CMAKE_C(XX)?_COMPILER could be found|is not able to compile a simple|(gcc|g\+\+|cc|c\+\+): not found",
        "A C and C++ compiler is missing. On Debian and Ubuntu: apt install build-essential",
    ),
    (r"Killed signal terminated program|cannot allocate memory", "The compiler ran out of memory."),
    (r"No space left on device", "The disk is full."),
    (
        r"DO NOT MATCH THE HASHES",
        "A package is not the one that was pinned. Nothing of it was installed. Do not go on.",
    ),
    (
        r"Python\.h: No such file",
        "Python's headers are missing. On Debian and Ubuntu: apt install python3-dev",
    ),
    (
        r"name resolution|Failed to establish a new connection|Network is unreachable|Could not find a version",
        "The package index that pip is set to use cannot be reached, or does not have the pinned version.",
    ),
]


class CannotInstallError(Exception):
    """Why there is no usable environment, in words for the person at the terminal."""


class Progress:
    """Shows how far pip has come: a line that is rewritten on a terminal, else a line every 20 seconds."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to count the time; `now` gives seconds from any start."""
        self.out = out
        self.now = now
        self.live = out.isatty()
        self.began = self.shown = now()
        self.doing = "starting pip"

    def hear(self, line: str) -> None:
        """Take in a line of pip's output, which may say what it does now."""
        self.doing = doing(line) or self.doing

    def tick(self) -> None:
        """Show the state if it is time to."""
        now = self.now()
        if now - self.shown < (0.2 if self.live else _EVERY_S):
            return
        self.shown = now
        text = f"  {clock(now - self.began)}  {self.doing}"
        width = shutil.get_terminal_size().columns - 1
        self.out.write(f"\r{text[:width]:<{width}}" if self.live else f"{text}\n")
        self.out.flush()

    def end(self) -> None:
        """Leave the terminal's line clean."""
        if self.live:
            self.out.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self.out.flush()


def doing(line: str) -> str | None:
    """Give what a line of `pip install -v` says it is doing now, or None if it says nothing of that kind."""
    text = line.strip()
    if step := re.match(r"\[(\d+)/(\d+)\] ", text):
        return f"compiling llama.cpp: {step[1]} of {step[2]}"
    if wheel := re.match(r"Building wheel for (\S+)", text):
        return f"building {wheel[1]}"
    if wanted := re.match(r"Collecting ([A-Za-z0-9._-]+)", text):
        return f"fetching {wanted[1]}"
    if installing := re.match(r"Installing collected packages: (.*)", text):
        return f"installing {installing[1].count(',') + 1} packages"
    return None


def clock(seconds: float) -> str:
    """Give a duration as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def cause(output: str) -> str:
    """Give what is missing, as far as pip's output tells."""
    found = (advice for pattern, advice in _CAUSES if re.search(pattern, output))
    return next(found, "The end of the log says what went wrong.")


def make_venv(venv: Path) -> None:
    """Make the environment unless it is there and works; one of a Python that is gone is made anew."""
    if works(venv / "bin" / "python"):
        return
    if find_spec("ensurepip") is None:
        raise CannotInstallError(
            "Python's venv module is not complete on this machine. On Debian and Ubuntu: apt install python3-venv"
        )
    made = subprocess.run(  # noqa: S603  # our own interpreter and a path from the Makefile
        [sys.executable, "-m", "venv", "--clear", str(venv)], capture_output=True, text=True
    )
    if made.returncode:
        raise CannotInstallError(
            f"The environment {venv} could not be made:\n{made.stdout}{made.stderr}".rstrip()
        )


def works(python: Path) -> bool:
    """Say whether this interpreter starts and has pip."""
    if not python.exists():
        return False
    check = subprocess.run([python, "-c", "import pip"], capture_output=True)  # noqa: S603  # fixed arguments
    return check.returncode == 0


def install(venv: Path, requirements: list[Path], progress: Progress, log_file: Path) -> None:
    """Install the files' packages, each checked against its hash; raises CannotInstallError with the log's end."""
    log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # the database comes here too
    process = subprocess.Popen(  # noqa: S603  # fixed arguments
        pip_command(venv, requirements),
        env=environment(venv / "bin" / "python"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process, log_file.open("w", encoding="utf-8") as log:
        for line in lines_of(process, progress):
            log.write(line)
            log.flush()
    progress.end()
    if process.returncode:
        output = log_file.read_text(encoding="utf-8")
        tail = "".join(output.splitlines(keepends=True)[-_TAIL_LINES:])
        raise CannotInstallError(f"{tail}\n{cause(output)}\nAll that pip said is in {log_file}")


def environment(python: Path) -> dict[str, str]:
    """Give what pip runs with: the build's flags where the caller sets none, and a cache for what these flags compile.

    pip takes a wheel that it once built again whatever it was built with, so that one without the flags, for a GPU, or
    for another processor (llama.cpp is compiled for the one at hand) would come back. With no cache there is none to part.
    """
    variables = {"CMAKE_ARGS": MODEST_BUILD, "CXXFLAGS": KEPT_STORES, **os.environ}
    cache = subprocess.run(  # noqa: S603  # fixed arguments
        [python, "-m", "pip", "cache", "dir"], capture_output=True, text=True
    )
    if cache.returncode == 0:
        variables["PIP_CACHE_DIR"] = str(Path(cache.stdout.strip(), "compiled", build_key(variables)))
    return variables


def build_key(variables: Mapping[str, str]) -> str:
    """Give a name for what decides how a package is compiled: compiler, flags and processor."""
    build = [f"{name}={variables[name]}" for name in _BUILD_VARIABLES if name in variables]
    return hashlib.sha256("\n".join([*build, processor()]).encode()).hexdigest()[:16]


def processor() -> str:
    """Give what this machine's processor can do, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    able = (line for line in lines if line.lower().startswith(("flags", "features")))
    return next(able, platform.machine())


def pip_command(venv: Path, requirements: list[Path]) -> list[str]:
    """Give the command that installs the files' packages; where they come from is pip's own setting."""
    files = [part for path in requirements for part in ("--requirement", str(path))]
    flags = [
        "--require-hashes",
        "--verbose",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    return [str(venv / "bin" / "python"), "-m", "pip", "install", *flags, *files]


def lines_of(process: subprocess.Popen[bytes], progress: Progress) -> Iterator[str]:
    """Give the process's output line by line, keeping the progress line alive while it is silent."""
    assert process.stdout is not None
    ready = selectors.DefaultSelector()
    ready.register(process.stdout, selectors.EVENT_READ)
    rest = b""
    while True:
        data = os.read(process.stdout.fileno(), 65_536) if ready.select(timeout=1) else None
        if data == b"":
            break
        *whole, rest = (rest + (data or b"")).split(b"\n")
        for raw in whole:
            line = raw.decode("utf-8", "replace") + "\n"
            progress.hear(line)
            yield line
        progress.tick()
    ready.close()
    if rest:
        yield rest.decode("utf-8", "replace") + "\n"


def main(arguments: list[str], *, log_file: Path = LOG) -> int:
    """Do it and give the exit status: 0 done, 1 could not, 2 called wrongly."""
    if len(arguments) < 2:
        sys.stderr.write(f"usage: install.py VENV REQUIREMENTS…\n{__doc__}\n")
        return 2
    if sys.version_info < OLDEST:
        sys.stderr.write("Python {}.{} or newer is needed.\n".format(*OLDEST))
        return 1
    venv, *files = map(Path, arguments)
    out = sys.stdout
    out.write(f"Installing into {venv}. The first time llama.cpp is compiled, which takes a few minutes.\n")
    out.flush()
    began = time.monotonic()
    try:
        make_venv(venv)
        install(venv, files, Progress(out), log_file)
    except CannotInstallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    out.write(f"Installed in {clock(time.monotonic() - began)}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
