"""Where a GGUF file comes from, as a person writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ENDING = ".gguf"
HOW = "Write hf:owner/repository/file.gguf for a file of the hub, or file:/path/to/file.gguf for one on this machine."

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_HUB = re.compile(rf"hf:(?P<repo>{_WORD}/{_WORD})/(?P<path>[^@]+?)(?:@(?P<revision>[\w./-]{{1,200}}))?")
_PAGE = re.compile(
    rf"https://[\w.:-]+/(?P<repo>{_WORD}/{_WORD})/(?:blob|resolve)/(?P<revision>[\w.-]{{1,200}})/(?P<path>[^?#]+)(?:\?.*)?"
)


class WrongSource(ValueError):
    """What was written names no file; the message says how to."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository on a hub, at a branch, tag or commit."""

    repo: str
    path: str
    revision: str = "main"

    def __str__(self) -> str:
        """Read as a person writes it."""
        return f"hf:{self.repo}/{self.path}" + (f"@{self.revision}" if self.revision != "main" else "")

    @property
    def name(self) -> str:
        """What the file is called once it is here."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file on this machine."""

    path: Path

    def __str__(self) -> str:
        """Read as a person writes it."""
        return f"file:{self.path}"

    @property
    def name(self) -> str:
        """What the file is called once it is here."""
        return self.path.name


Source = HubFile | LocalFile


def source_of(text: str) -> Source:
    """Read `hf:owner/repository/file.gguf[@revision]`, the address of the file's page on the hub, or `file:/path`."""
    text = text.strip()
    if not text.isprintable():
        raise WrongSource(HOW)
    source = _local(text) if text.startswith("file:") else _on_hub(text)
    if not source.name.lower().endswith(ENDING) or source.name.startswith("."):
        raise WrongSource(f"Only GGUF files can be hosted, and their names end in {ENDING}. {HOW}")
    return source


def _on_hub(text: str) -> HubFile:
    found = _HUB.fullmatch(text) or _PAGE.fullmatch(text)
    if found is None:
        raise WrongSource(HOW)
    steps = found["path"].split("/")
    if any(step in {"", ".", ".."} for step in steps):
        raise WrongSource(HOW)
    return HubFile(found["repo"], found["path"], found["revision"] or "main")


def _local(text: str) -> LocalFile:
    path = Path(text.removeprefix("file:").removeprefix("//"))
    if not path.is_absolute():
        raise WrongSource("A file of this machine is named by its whole path: file:/path/to/file.gguf.")
    return LocalFile(path)
