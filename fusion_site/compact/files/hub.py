"""A model hub, by huggingface_hub's words for its metadata and errors and httpx for the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

from fusion_site.compact.files.offer import Licence, Offer, PullFailed
from fusion_site.compact.files.source import HubFile

TIMES = httpx.Timeout(30, connect=15)
PARTIAL = 206
NOTHING_LEFT = 416
BUSY = {408, 429, 500, 502, 503, 504}


class Broken(Exception):
    """The bytes ended too early; what came is good, and the rest can be asked for."""


@dataclass(frozen=True, slots=True)
class Hub:
    """One hub and the token for it, if there is one. Nothing is kept or sent beside what is asked for here."""

    url: str
    token: str | None = field(default=None, repr=False)

    def offer(self, file: HubFile) -> Offer:
        """What the hub says of a file; raises `PullFailed`."""
        # False: a token that somebody saved on this machine for other things is not this site's.
        api = HfApi(endpoint=self.url, token=self.token or False)
        with self._explained(file):
            info = api.model_info(file.repo, revision=file.revision, files_metadata=True, timeout=30)
        sibling = next((each for each in info.siblings or [] if each.rfilename == file.path), None)
        if sibling is None:
            raise PullFailed(self._no_such_file(file, info))
        return self._offer(file, info, sibling)

    @contextmanager
    def bytes_from(self, file: HubFile, commit: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Where the bytes that follow begin (`start`, or 0 where the server cannot begin there), and the bytes.

        Raises `Broken` when they end too early, and `PullFailed` when they are refused.
        """
        url = hf_hub_url(file.repo, file.path, revision=commit, endpoint=self.url)
        headers = {"accept-encoding": "identity"} | ({"range": f"bytes={start}-"} if start else {})
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"  # httpx drops it when led to another host
        with self._explained(file), httpx.Client(timeout=TIMES, follow_redirects=True) as client:
            try:
                with client.stream("GET", url, headers=headers) as response:
                    yield _begin(response, start), _parts(response)
            except httpx.TransportError as error:
                raise Broken(f"{type(error).__name__}: {error}") from error

    def _offer(self, file: HubFile, info: ModelInfo, sibling: RepoSibling) -> Offer:
        if sibling.lfs is None or not info.sha:
            raise PullFailed(f"The hub gives no checksum for {file.path}, so it cannot be checked.")
        page = f"{self.url}/{file.repo}"
        return Offer(
            source=str(file),
            name=file.name,
            size=sibling.lfs.size,
            sha256=sibling.lfs.sha256.lower(),
            commit=info.sha,
            page=page,
            gated=bool(info.gated),
            licence=_licence(info, page),
        )

    def _no_such_file(self, file: HubFile, info: ModelInfo) -> str:
        found = [each.rfilename for each in info.siblings or [] if each.rfilename.lower().endswith(".gguf")]
        listed = ", ".join(found[:12]) + (" and more" if len(found) > 12 else "")
        told = f"Its GGUF files: {listed}." if found else "It holds no GGUF file."
        return f"The repository {file.repo} has no file {file.path}. {told}"

    @contextmanager
    def _explained(self, file: HubFile) -> Iterator[None]:
        """Turn what the hub refuses into a sentence that says what to do."""
        try:
            yield
        except GatedRepoError as error:
            raise PullFailed(self._gated(file)) from error
        except (RevisionNotFoundError, EntryNotFoundError) as error:
            raise PullFailed(f"The hub has no {file}.") from error
        except RepositoryNotFoundError as error:
            raise PullFailed(self._absent(file)) from error
        except HFValidationError as error:
            raise PullFailed(f"{file.repo} is no name of a repository.") from error
        except HfHubHTTPError as error:
            raise PullFailed(f"The hub answered {error.response.status_code} for {file}.") from error
        except (httpx.HTTPError, ConnectionError) as error:  # other errors of the system are the disk's
            raise PullFailed(f"The hub at {self.url} cannot be reached ({type(error).__name__}).") from error

    def _gated(self, file: HubFile) -> str:
        how = (
            "This site's token may not read it: ask for access on that page with the token's account."
            if self.token
            else "Ask for access on that page, then give this site a token of that account: FUSION_HF_TOKEN."
        )
        return f"The repository {file.repo} is gated by its authors ({self.url}/{file.repo}). {how}"

    def _absent(self, file: HubFile) -> str:
        token = "that this site's token may read" if self.token else "that is open to everybody"
        return f"The hub has no repository {file.repo} {token}. A private one needs FUSION_HF_TOKEN."


def _begin(response: httpx.Response, start: int) -> int:
    if response.status_code == NOTHING_LEFT:
        return start
    if response.status_code in BUSY:
        raise Broken(f"the hub answers {response.status_code}")
    hf_raise_for_status(response)
    if response.status_code != PARTIAL:
        return 0
    told = response.headers.get("content-range", "")
    if not told.startswith(f"bytes {start}-"):
        raise PullFailed(
            f"The hub was asked for the bytes from {start} on and sent others ({told or 'untold'})."
        )
    return start


def _parts(response: httpx.Response) -> Iterator[bytes]:
    return iter(()) if response.status_code == NOTHING_LEFT else response.iter_raw()


def _licence(info: ModelInfo, page: str) -> Licence:
    """The licence as the model's card names it; `other` has a name and a link of its own."""
    card: dict[str, Any] = info.card_data.to_dict() if info.card_data else {}  # type: ignore[no-untyped-call]
    named, link = str(card.get("license") or ""), str(card.get("license_link") or "")
    if link and not link.startswith(("https://", "http://")):
        link = f"{page}/blob/{info.sha}/{link}"
    return Licence(named[:200], str(card.get("license_name") or "")[:200], (link or page)[:500])
