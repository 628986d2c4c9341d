"""Static files under names that hold a hash of what is in them, so that browsers keep them for good.

Nothing has to be collected: each process finds them where they are as it starts. What is sent is a copy in the data folder:
style sheets and scripts without comments and indents, and beside each text its compressed twin.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from functools import cache
from os import PathLike, stat_result
from pathlib import Path
from posixpath import splitext
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponseBase
from servestatic.middleware import ServeStaticMiddleware

_HASH_CHARS = 12
_TEXTS = {".css", ".js", ".svg"}
_CSS_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
_CSS_SPACE = re.compile(rb"\s*([{};])\s*|\s+")
_JS_COMMENT = re.compile(rb"^\s*//.*\n", re.MULTILINE)


class HashedNames(StaticFilesStorage):
    """Gives files addresses that change with their content; raises ValueError for a file that is not there."""

    def url(self, name: str | None) -> str:
        """Give the address of a static file. While debugging it is the plain one, since files change meanwhile."""
        return super().url(name if settings.DEBUG or not name else hashed(name))


@cache
def hashed(name: str) -> str:
    """Give the name of a static file with the hash in it: `css/base.css` is `css/base.0a1b2c3d4e5f.css`."""
    path = finders.find(name)
    if path is None:
        raise ValueError(f"There is no static file {name}.")
    stem, ending = splitext(name)
    return f"{stem}.{hashlib.sha256(squeezed(Path(path))).hexdigest()[:_HASH_CHARS]}{ending}"


def squeezed(path: Path) -> bytes:
    """Give a static file as it is sent. Of scripts only whole lines of comment go, and nothing of what others wrote."""
    data = path.read_bytes()
    if not any(path.is_relative_to(folder) for folder in settings.STATICFILES_DIRS):
        return data
    if path.suffix == ".css":
        return _CSS_SPACE.sub(lambda found: found[1] or b" ", _CSS_COMMENT.sub(b"", data)).strip()
    return _JS_COMMENT.sub(b"", data) if path.suffix == ".js" else data


class StaticFiles(ServeStaticMiddleware):  # type: ignore[misc]
    """Serves each file by its plain name and by its hashed one, which may be kept for good.

    A page that was loaded before the site was put up anew asks for files by their earlier hashes: it gets what is
    there now, to be kept for as short as by the plain name.
    """

    def add_file_to_dictionary(
        self,
        url: str,
        path: str,
        root: str | PathLike[str] | None = None,
        stat_cache: dict[str, stat_result] | None = None,
    ) -> None:
        """Take a file up under both names."""
        address = self.get_static_url(url.removeprefix(self.static_prefix))
        if address in {None, url}:
            super().add_file_to_dictionary(url, path, root=root, stat_cache=stat_cache)
            return
        copy = _copied(Path(path), address.removeprefix(self.static_prefix))
        super().add_file_to_dictionary(url, str(copy))
        super().add_file_to_dictionary(address, str(copy))

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Give the file, or what comes next."""
        path = request.path_info
        if path.startswith(self.static_prefix) and path not in self.files:
            present = self.files.get(self.get_name_without_hash(path))
            if present is not None:
                return await self.aserve(present, request)  # type: ignore[no-any-return]
        return await super().__call__(request)  # type: ignore[no-any-return]


def _copied(path: Path, name: str) -> Path:
    """Give the copy of a file that is sent, made where no process has made it; a text's with its compressed twin."""
    copy: Path = settings.FUSION_DATA_DIR / "static" / name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        data = squeezed(path)
        if path.suffix in _TEXTS:
            _put(copy.with_name(f"{copy.name}.gz"), gzip.compress(data, mtime=0))
        _put(copy, data)
    return copy


def _put(file: Path, data: bytes) -> None:
    """Write a file as a whole or not at all: other processes start beside this one."""
    with NamedTemporaryFile(dir=file.parent, delete=False) as written:
        written.write(data)
    os.chmod(written.name, 0o644)
    os.replace(written.name, file)
