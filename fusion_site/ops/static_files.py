"""Static files under names that hold a hash of what is in them, so that browsers keep them for good.

Nothing has to be collected: the files are served from where they are, by either name.
"""

from __future__ import annotations

import hashlib
from functools import cache
from os import PathLike, stat_result
from pathlib import Path
from posixpath import splitext

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponseBase
from servestatic.middleware import ServeStaticMiddleware

_HASH_CHARS = 12


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
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:_HASH_CHARS]
    stem, ending = splitext(name)
    return f"{stem}.{digest}{ending}"


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
        super().add_file_to_dictionary(url, path, root=root, stat_cache=stat_cache)
        address = self.get_static_url(url.removeprefix(self.static_prefix))
        if address not in {None, url}:
            super().add_file_to_dictionary(address, path, root=root, stat_cache=stat_cache)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Give the file, or what comes next."""
        path = request.path_info
        if path.startswith(self.static_prefix) and path not in self.files:
            present = self.files.get(self.get_name_without_hash(path))
            if present is not None:
                return await self.aserve(present, request)  # type: ignore[no-any-return]
        return await super().__call__(request)  # type: ignore[no-any-return]
