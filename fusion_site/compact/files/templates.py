"""Chat templates that were set by hand for one file or another, in place of those in the files."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Templates:
    """One folder, with one text for each model file that has one; where the file itself lies does not matter."""

    folder: Path

    def of(self, model: Path) -> Path | None:
        """Where the template for that file is, None if none was set."""
        path = self._path(model)
        return path if path.is_file() else None

    def text(self, model: Path) -> str:
        """The template for that file, empty if none was set."""
        path = self.of(model)
        return path.read_text() if path is not None else ""

    def keep(self, model: Path, text: str) -> None:
        """Set the template for that file from its next load on; an empty one takes the file's own again."""
        path = self._path(model)
        if not text:
            path.unlink(missing_ok=True)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_text(text)
        draft.replace(path)

    def _path(self, model: Path) -> Path:
        """Files of one name in two folders are two files."""
        place = hashlib.sha256(str(model.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return self.folder / f"{model.stem}-{place}.jinja"
