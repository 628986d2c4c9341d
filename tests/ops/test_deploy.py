"""The files of deploy/ agree with the site and with each other: settings, commands, ports, bounds, paths."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import get_commands, load_command_class

from fusion_site.ops.server import CLOSE_WITHIN_S
from fusion_site.runs.execution.supervisor import PARK_WITHIN_S

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNIT = (DEPLOY / "fusion.service").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()
EXAMPLE = (DEPLOY / ".env.example").read_text()
KNOWN = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "fusion-site"}


def test_the_services_have_only_keys_that_compose_knows() -> None:
    keys = {
        *(
            "build",
            "image",
            "init",
            "restart",
            "read_only",
            "tmpfs",
            "cap_drop",
            "security_opt",
            "environment",
        ),
        *("command", "depends_on", "deploy", "stop_grace_period", "healthcheck", "ports", "volumes"),
    }
    assert set(OURS) == {"migrate", "web", "worker"}
    for service in SERVICES.values():
        assert set(service) <= keys
        assert set(service.get("depends_on", {})) <= set(SERVICES)
    needed = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    healthy = {
        d for s in SERVICES.values() for d, how in s.get("depends_on", {}).items() if "healthy" in str(how)
    }
    assert needed["web"] == needed["worker"] == {"migrate", "redis"}
    assert all("healthcheck" in SERVICES[name] or "HEALTHCHECK" in DOCKERFILE for name in healthy)


def test_every_setting_is_one_that_the_page_of_settings_lists() -> None:
    for service in OURS.values():
        assert set(service["environment"]) <= KNOWN
    given = set(re.findall(r"\bFUSION_[A-Z_]+(?==)", DOCKERFILE))
    assert given == {"FUSION_DATA_DIR", "FUSION_LOG_FORMAT"} <= KNOWN
    assert set(re.findall(r"\bFUSION_[A-Z_]+\b", NGINX + UNIT)) <= KNOWN


def test_the_example_has_what_the_compose_file_asks_for_and_nothing_else() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == asked


def test_the_examples_commands_make_keys_that_the_site_takes() -> None:
    made = {name: made_by(command) for command, name in secrets_of_the_example()}
    assert set(made) == {
        "POSTGRES_PASSWORD",
        "FUSION_SECRET_KEY",
        "FUSION_SEALING_KEYS",
        "FUSION_METRICS_TOKEN",
    }
    Fernet(made["FUSION_SEALING_KEYS"])
    assert len(made["FUSION_SECRET_KEY"]) >= 50
    assert re.fullmatch(r"[0-9a-f]{48}", made["POSTGRES_PASSWORD"])  # it stands in an address as it is


def secrets_of_the_example() -> list[tuple[str, str]]:
    """Give each command of the example with the name that it makes a value for."""
    found = re.findall(r"^# (openssl [^\n]*?)(?:    [^\n]*)?\n([A-Z_]+)=\n", EXAMPLE, re.MULTILINE)
    return [(command, name) for command, name in found]


def made_by(command: str) -> str:
    """Run one command and give what it printed."""
    done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give every manage.py command of the files with its arguments."""
    for name, service in OURS.items():
        yield name, service["command"]
    for action in ("ExecStartPre", "ExecStart"):
        line = re.search(rf"^{action}=\S+/bin/(python .*)$", UNIT, re.MULTILINE)
        assert line
        yield f"unit {action}", line[1].split()
    yield "image", re.findall(r'"([^"]*)"', DOCKERFILE.splitlines()[-1])


@pytest.mark.parametrize(("where", "words"), list(commands()))
def test_the_commands_exist_with_these_arguments(where: str, words: list[str]) -> None:
    assert words[:2] == ["python", "manage.py"]
    command = load_command_class(get_commands()[words[2]], words[2])
    command.create_parser("manage.py", words[2]).parse_args(words[3:])


def argument(words: list[str], name: str) -> str:
    """Give the value of an argument."""
    return words[words.index(name) + 1]


def test_ports_agree() -> None:
    web, worker = OURS["web"]["command"], OURS["worker"]["command"]
    port, metrics = argument(web, "--port"), argument(web, "--metrics-port")
    assert f"set $site web:{port};" in NGINX
    assert f"http://127.0.0.1:{port}/livez" in DOCKERFILE
    assert argument(worker, "--metrics-port") == metrics
    assert f"http://127.0.0.1:{metrics}/livez" in OURS["worker"]["healthcheck"]["test"][-1]
    assert f"EXPOSE {port} {metrics}" in DOCKERFILE
    assert {p.split(":")[1] for p in SERVICES["proxy"]["ports"]} == set(re.findall(r"listen (\d+)", NGINX))


def test_the_proxy_keeps_the_bounds_and_clocks_of_the_site() -> None:
    assert f"client_max_body_size {settings.DATA_UPLOAD_MAX_MEMORY_SIZE};" in NGINX
    patience = re.search(r"proxy_read_timeout (\d+)s;", NGINX)
    assert patience
    assert int(patience[1]) > 60  # twice what passes between two pings or comments
    assert OURS["web"]["environment"]["FUSION_PROXIES"] == "1"
    assert "X-Forwarded-For $remote_addr" in NGINX
    for name in ("web", "worker"):
        grace = float(OURS[name]["stop_grace_period"].removesuffix("s"))
        assert grace >= settings.FUSION_DRAIN_S + CLOSE_WITHIN_S + 2 * PARK_WITHIN_S


def test_what_the_files_name_is_there() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        s for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for s in line.split()
    ]
    assert sorted(copied) == sorted(let_in)
    assert all((ROOT / source).exists() for source in copied)
    assert not any(fnmatch(source, "var*") for source in copied)
    assert (DEPLOY / OURS["web"]["build"]["context"] / OURS["web"]["build"]["dockerfile"]).exists()
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["proxy"]["volumes"])
    assert mounted == {"./nginx.conf": "/etc/nginx/nginx.conf", "./tls": "/etc/nginx/tls"}
    assert NGINX.count("/etc/nginx/tls/") == 2
