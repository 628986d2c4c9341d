"""Where this machine's Compact host listens, in a file that only its owner may read."""

from __future__ import annotations

import json
import logging
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """A host that listens: address, bearer key, and the process it runs in."""

    host: str
    port: int
    key: str = field(repr=False)
    pid: int

    @property
    def base_url(self) -> str:
        """The address that OpenAI clients take."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"


def write_state_file(path: Path, address: Address) -> None:
    """Write `address` to `path`, mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(address), file)
    draft.replace(path)


def read_state_file(path: Path) -> Address | None:
    """The host that `path` tells of, None if there is no such file or its process is gone."""
    try:
        address = Address(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        log.warning("%s does not tell of a Compact host: %s", path, error)
        return None
    return address if _is_alive(address.pid) else None


def remove_state_file(path: Path, address: Address) -> None:
    """Take the file away, unless it tells of another host by now."""
    if path.is_file() and json.loads(path.read_text()).get("pid") == address.pid:
        path.unlink(missing_ok=True)


def publish(path: Path, address: Address) -> None:
    """Write `address` to `path`; where that fails the host goes on, and the log says that others cannot find it."""
    try:
        write_state_file(path, address)
    except OSError as error:
        log.error("Other processes cannot find the Compact host: %s", error)


def withdraw(path: Path, address: Address) -> None:
    """Take the file away again, unless it tells of another host by now; the log says where that fails."""
    try:
        remove_state_file(path, address)
    except (OSError, ValueError) as error:
        log.error("The Compact host's state file could not be removed: %s", error)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone; or the number belongs to someone else's process now
        return False
    record = Path(f"/proc/{pid}/stat")  # a dead process that nobody has waited for still has its number
    return not (record.is_file() and record.read_text().rpartition(")")[2].split()[0] == "Z")
