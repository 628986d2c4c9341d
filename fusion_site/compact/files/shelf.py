"""The GGUF files that are kept here, each with a record of where it came from and who accepted its licence."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fusion_site.compact.files.offer import Licence, Offer, PullFailed
from fusion_site.compact.files.source import ENDING


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one file: its source, its checksum as it was computed, and who accepted which licence when.

    `matches` says that the hub had named the same checksum; a file of this machine has nothing to match.
    """

    source: str
    sha256: str
    size: int
    accepted_by: str
    accepted_at: str
    fetched_at: str
    commit: str = ""
    matches: bool = False
    licence: Licence = field(default_factory=Licence)

    @property
    def is_local(self) -> bool:
        """Whether its source is a path of this machine."""
        return self.source.startswith("file:")

    @property
    def accepted(self) -> datetime:
        """When the licence was accepted."""
        return datetime.fromisoformat(self.accepted_at)


@dataclass(frozen=True, slots=True)
class Kept:
    """One file on the shelf; without a record it was put there by hand, and nothing is known of it."""

    path: Path
    size: int
    record: Record | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    @property
    def is_checked(self) -> bool:
        """Whether its checksum was what its hub had named, and its size is still the same."""
        return self.record is not None and self.record.matches and self.record.size == self.size


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a file before its fetch was cut; `have` in bytes. Of which offer is known, unless its note is gone."""

    path: Path
    have: int
    offer: Offer | None = None

    @property
    def name(self) -> str:
        """What the whole file would be called."""
        return self.path.name[1:].rsplit(".", 2)[0]


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder. What begins with a dot there is being fetched, or was and can be gone on with."""

    folder: Path

    def kept(self) -> list[Kept]:
        """All files, by name."""
        found = sorted(self.folder.glob(f"*{ENDING}")) if self.folder.is_dir() else []
        return [self._kept(path) for path in found if path.is_file()]

    def find(self, name: str) -> Kept | None:
        """The file of that name; never one outside of this folder."""
        return next((each for each in self.kept() if each.name == name), None)

    def parts(self) -> list[Part]:
        """What is here of files that are not whole, by name."""
        found = sorted(self.folder.glob(f".*{ENDING}.*.part")) if self.folder.is_dir() else []
        return [
            Part(path, path.stat().st_size, _read_note(note_of(path))) for path in found if path.is_file()
        ]

    def remove_part(self, name: str) -> None:
        """Delete what came of a file, if anything did; raises `PullFailed` while it is being fetched."""
        if not self._parts_of(name):
            return
        with self.alone(name):
            for part in self._parts_of(name):
                drop(part.path)

    def put(self, draft: Path, name: str, record: Record) -> Kept:
        """Take in a finished file, whole or not at all."""
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        _write_whole(self._record_of(name), asdict(record))
        draft.replace(self.folder / name)
        note_of(draft).unlink(missing_ok=True)
        return self._kept(self.folder / name)

    def remove(self, name: str) -> None:
        """Delete a file and its record."""
        if (kept := self.find(name)) is not None:
            kept.path.unlink(missing_ok=True)
            self._record_of(name).unlink(missing_ok=True)

    def draft(self, offer: Offer) -> Path:
        """Where the bytes of an offer gather; its name tells the content, so that other content is never gone on with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".{offer.name}.{(offer.sha256 or 'local')[:16]}.part"

    def begin(self, offer: Offer) -> Path:
        """Give the draft of an offer, and note beside it what it will be, for whoever finds it after a crash."""
        draft = self.draft(offer)
        _write_whole(note_of(draft), asdict(offer))
        return draft

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the right to fetch a file of that name; raises `PullFailed` while another process does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f".{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PullFailed(f"{name} is being fetched already.") from None
            yield

    def _parts_of(self, name: str) -> list[Part]:
        return [part for part in self.parts() if part.name == name]

    def _kept(self, path: Path) -> Kept:
        return Kept(path, path.stat().st_size, _read(self._record_of(path.name)))

    def _record_of(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def note_of(draft: Path) -> Path:
    """Where it is noted what a draft will be."""
    return draft.with_name(f"{draft.name}.json")


def drop(draft: Path) -> None:
    """Delete a draft and its note."""
    draft.unlink(missing_ok=True)
    note_of(draft).unlink(missing_ok=True)


def _read_note(path: Path) -> Offer | None:
    try:
        return Offer.from_plain(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _read(path: Path) -> Record | None:
    """A record, or None where there is none or it was tampered with: then nothing is known."""
    try:
        plain: dict[str, Any] = json.loads(path.read_text())
        return Record(**{**plain, "licence": Licence(**plain["licence"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write_whole(path: Path, plain: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(plain, indent=1) + "\n")
    draft.replace(path)
