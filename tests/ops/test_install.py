"""The installer: a real environment from a real (local) package, and plain words where it cannot."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fusion_site.ops import install
from fusion_site.ops.install import Progress, cause, clock, doing, main, works

SCRIPT = Path(install.__file__)


def wheel(folder: Path, name: str = "tiny", version: str = "1.0") -> tuple[Path, str]:
    """Write the smallest installable wheel and give its path and SHA-256."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "VALUE = 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in files.items()
    )
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def only_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that is pip's only source of packages."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path


def test_it_makes_an_environment_and_installs_what_has_the_pinned_hash(
    only_local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, digest = wheel(only_local)
    pinned = only_local / "requirements.txt"
    pinned.write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    venv, log = only_local / "venv", only_local / "var" / "install.log"
    assert main([str(venv), str(pinned)], log_file=log) == 0
    shown = subprocess.run(
        [venv / "bin" / "python", "-c", "import tiny; print(tiny.VALUE)"], capture_output=True, text=True
    )
    assert shown.stdout == "42\n"
    assert "Successfully installed tiny-1.0" in log.read_text()
    out = capsys.readouterr().out
    assert "llama.cpp is compiled, which takes a few minutes" in out
    assert re.search(r"^Installed in \d+:\d\d\.$", out, re.MULTILINE)

    kept = (venv / "pyvenv.cfg").stat().st_mtime_ns
    assert main([str(venv), str(pinned)], log_file=log) == 0
    assert (venv / "pyvenv.cfg").stat().st_mtime_ns == kept, "an environment that works is kept"

    wheel(only_local, name="other")
    pinned.write_text(f"other==1.0 --hash=sha256:{digest}\n")
    assert main([str(venv), str(pinned)], log_file=log) == 1
    err = capsys.readouterr().err
    assert "A package is not the one that was pinned" in err
    assert str(log) in err

    pinned.write_text("other==1.0\n")
    assert main([str(venv), str(pinned)], log_file=log) == 1, "a line without a hash is refused"


def test_an_environment_of_a_python_that_is_gone_does_not_count(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    assert not works(python)
    python.symlink_to("/nowhere/python3")
    assert not works(python)
    python.unlink()
    python.symlink_to("/bin/false")
    assert not works(python), "a Python that does not start"
    assert works(Path(sys.executable))


def test_a_package_that_cannot_be_reached_is_said_with_the_end_of_the_log(
    only_local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned = only_local / "requirements.txt"
    pinned.write_text(f"absent==1.0 --hash=sha256:{'0' * 64}\n")
    assert main([sys.prefix, str(pinned)], log_file=only_local / "install.log") == 1
    err = capsys.readouterr().err
    assert "cannot be reached, or does not have the pinned version" in err
    assert "absent==1.0" in err


def test_a_python_without_ensurepip_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    assert main([str(tmp_path / "venv"), "requirements.txt"], log_file=tmp_path / "log") == 1
    assert "apt install python3-venv" in capsys.readouterr().err
    assert not (tmp_path / "venv").exists()


def test_it_runs_as_a_script_before_anything_is_installed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-S", "-I", SCRIPT], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: install.py VENV REQUIREMENTS" in done.stderr


def test_a_users_own_build_flags_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in interpreter reports the flags that a build would see."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\n[ "$3" != cache ] || exit 1\necho "flags: $CMAKE_ARGS $CXXFLAGS"\n')
    python.chmod(0o755)
    log = tmp_path / "install.log"
    for variable in ("CMAKE_ARGS", "CXXFLAGS"):
        monkeypatch.delenv(variable, raising=False)
    install.install(tmp_path, [], Progress(io.StringIO()), log)
    assert log.read_text() == "flags: -DLLAVA_BUILD=OFF -fno-dse\n"
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=on")
    monkeypatch.setenv("CXXFLAGS", "-O3")
    install.install(tmp_path, [], Progress(io.StringIO()), log)
    assert log.read_text() == "flags: -DGGML_CUDA=on -O3\n"


BACKEND = """
import os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    flags = os.environ["CXXFLAGS"]
    with open(os.environ["BUILDS"], "a") as builds:
        builds.write(flags + "\\n")
    files = {
        "compiled.py": f"FLAGS = {flags!r}\\n",
        "compiled-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: compiled\\nVersion: 1.0\\n",
        "compiled-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files["compiled-1.0.dist-info/RECORD"] = "".join(f"{name},,\\n" for name in files)
    with zipfile.ZipFile(os.path.join(folder, "compiled-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "compiled-1.0-py3-none-any.whl"
"""


def source(folder: Path) -> str:
    """Write a source package that is built with what CXXFLAGS says, and give its SHA-256."""
    inside = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND,
        "PKG-INFO": "Metadata-Version: 2.1\nName: compiled\nVersion: 1.0\n",
    }
    path = folder / "compiled-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in inside.items():
            member = tarfile.TarInfo(f"compiled-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_was_compiled_comes_back_only_for_the_same_flags_and_processor(
    only_local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip alone would take the first wheel again, whatever it was built with."""
    pinned = only_local / "requirements.txt"
    pinned.write_text(f"compiled==1.0 --hash=sha256:{source(only_local)}\n")
    builds, venv = only_local / "builds", only_local / "venv"
    monkeypatch.setenv("PIP_CACHE_DIR", str(only_local / "cache"))
    monkeypatch.setenv("BUILDS", str(builds))

    def installed_with(flags: str) -> str:
        monkeypatch.setenv("CXXFLAGS", flags)
        subprocess.run([venv / "bin" / "pip", "uninstall", "--yes", "compiled"], capture_output=True)
        log = only_local / "install.log"
        assert main([str(venv), str(pinned)], log_file=log) == 0, log.read_text()
        program = [str(venv / "bin" / "python"), "-c", "import compiled; print(compiled.FLAGS)"]
        return subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()

    install.make_venv(venv)
    asked = ["-O2", "-O2 -fno-dse", "-O2"]
    assert [installed_with(flags) for flags in asked] == asked
    # Before 23.1, pip builds anew wherever hashes are asked for.
    built = asked[:2] if pip_of(venv) >= (23, 1) else asked
    assert builds.read_text().splitlines() == built
    monkeypatch.setattr(install, "processor", lambda: "flags: another")
    assert installed_with("-O2") == "-O2"
    assert builds.read_text().splitlines() == [*built, "-O2"]


def pip_of(venv: Path) -> tuple[int, int]:
    """Give the version of an environment's pip."""
    said = subprocess.run([venv / "bin" / "pip", "--version"], capture_output=True, text=True, check=True)
    major, minor = said.stdout.split()[1].split(".")[:2]
    return int(major), int(minor)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "Collecting llama-cpp-python==0.3.36 (from -r requirements.txt (line 388))",
            "fetching llama-cpp-python",
        ),
        ("  Building wheel for llama-cpp-python (pyproject.toml): started", "building llama-cpp-python"),
        ("  [17/204] /usr/bin/c++ -DGGML_BACKEND_BUILD -o ggml.cpp.o", "compiling llama.cpp: 17 of 204"),
        ("Installing collected packages: a, b, c", "installing 3 packages"),
        ("  Using cached idna-3.20-py3-none-any.whl (71 kB)", None),
        ("", None),
    ],
)
def test_pips_words_become_one_short_line(line: str, told: str | None) -> None:
    assert doing(line) == told


def test_where_nobody_watches_a_line_comes_every_twenty_seconds() -> None:
    now = 1000.0
    out = io.StringIO()
    progress = Progress(out, now=lambda: now)
    for second in range(1, 66):
        now = 1000.0 + second
        progress.hear(f"[{second}/65] cc x.c\n")
        progress.tick()
    progress.end()
    assert out.getvalue().splitlines() == [
        "  0:20  compiling llama.cpp: 20 of 65",
        "  0:40  compiling llama.cpp: 40 of 65",
        "  1:00  compiling llama.cpp: 60 of 65",
    ]


def test_on_a_terminal_one_line_is_rewritten_and_then_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setenv("COLUMNS", "30")
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    progress = Progress(out, now=lambda: now)
    for second in (1, 2):
        now = 1000.0 + second
        progress.hear(f"[{second}/65] cc a very long command line\n")
        progress.tick()
    progress.end()
    lines = out.getvalue().split("\r")
    assert lines[1:3] == [
        f"{'  0:01  compiling llama.cpp: 1 of 65'[:29]:<29}",
        f"{'  0:02  compiling llama.cpp: 2 of 65'[:29]:<29}",
    ]
    assert lines[-2].strip() == lines[-1] == ""


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("CMake Error: No CMAKE_CXX_COMPILER could be found.", "apt install build-essential"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "ran out of memory"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("[Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("something nobody has seen before", "The end of the log"),
    ],
)
def test_known_failures_are_told_with_what_to_do(output: str, advice: str) -> None:
    assert advice in cause(f"first\n{output}\nlast")


def test_durations_are_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 754)] == ["0:00", "0:59", "1:00", "12:34"]
