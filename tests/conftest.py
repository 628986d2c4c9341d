"""What all tests share: a site of their own in a temporary folder, async tests, and the cast.

The cast of every access test: alice owns the team, bob edits in it, dave views it, charlie is a stranger to it.
"""

from __future__ import annotations

import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from fusion_site.ops.garbage import is_started, spare_the_start

spare_the_start()

# The environment is settled before anything imports the settings, and owes nothing to the shell that runs the tests.
DATA_DIR = Path(tempfile.mkdtemp(prefix="fusion-tests-"))
_OF_THE_TESTS = {
    "FUSION_REQUIRE_ALL",
    "FUSION_TEST_BROWSER",
    "FUSION_TEST_DOORS",
    "FUSION_TEST_EXAMPLES",
    "FUSION_TEST_SEED",
}
for _name in [name for name in os.environ if name.startswith("FUSION_") and name not in _OF_THE_TESTS]:
    del os.environ[_name]
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "fusion_site.settings",
    "FUSION_DATA_DIR": str(DATA_DIR),
    "FUSION_REHEARSAL_SPEED": "30",
}

import django  # noqa: E402

django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from django.conf import LazySettings  # noqa: E402
from django.conf import settings as site_settings  # noqa: E402
from django.contrib.contenttypes.management import create_contenttypes  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.models.signals import post_migrate  # noqa: E402
from django.test import Client  # noqa: E402

from fusion_site.accounts.access import SESSION_TEAM  # noqa: E402
from fusion_site.accounts.flows.join_team import join_team  # noqa: E402
from fusion_site.accounts.flows.new_team import new_team  # noqa: E402
from fusion_site.accounts.flows.open_account import open_account  # noqa: E402
from fusion_site.accounts.models import Role, Team, User  # noqa: E402
from fusion_site.ops.static_files import StaticFiles  # noqa: E402
from tests.pools.models_server import ModelsServer  # noqa: E402
from tests.pools.openrouter import OpenRouter  # noqa: E402

# Django fills these tables anew after each test that commits. The site reads neither of them.
post_migrate.disconnect(create_contenttypes)
post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
# Begun first, since their files take long: side by side, the last ones should be short. The rest follows by name.
LONG_FIRST = ["cluster", "crash", "browser", "site", "compact", "runs", "pools", "pages"]
REQUIRE_ALL = os.environ.get("FUSION_REQUIRE_ALL", "") not in {"", "0"}


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(DATA_DIR, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the rooms whose tests take long first."""
    places = {room: place for place, room in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))


def pytest_collection_finish() -> None:
    """Collect garbage as usual from here on."""
    is_started()


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Hands out whole files, and the cluster's as one: it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/cluster" if file.startswith("tests/cluster/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Hand out the tests in the order of this file's choice (`--dist loadfile --no-loadscope-reorder`)."""
    return ByFile(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run async tests as Django's own TestCase does: in the thread, and so the transaction, of the fixtures."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    async_to_sync(pyfuncitem.obj)(**arguments)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With FUSION_REQUIRE_ALL=1 a skipped test is a failed one (an expected failure stays what it is)."""
    outcome: Any = yield
    report = outcome.get_result()
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a module that skips itself as a whole."""
    outcome: Any = yield
    report = outcome.get_result()
    if REQUIRE_ALL and report.skipped:
        _fail(report)


def _fail(report: Any) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: skipped, but FUSION_REQUIRE_ALL=1 wants everything run. {reason}"


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Keep the test database in a file: threads that share an in-memory one meet locks that no site meets."""
    if site_settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        connections["default"].settings_dict["TEST"]["NAME"] = str(DATA_DIR / "test.sqlite3")


@pytest.fixture(autouse=True)
def keep_test_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop Channels from closing the connection that holds the test's transaction."""
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)


@pytest.fixture(autouse=True, scope="session")
def static_files_found_once() -> Iterator[None]:
    """Look for static files once, as a site does: every client of a test is a site anew, and the look takes longer than a request."""
    look, found = StaticFiles.add_files_from_finders, dict[Any, Any]()

    def found_before(files: StaticFiles) -> None:
        where = (site_settings.FUSION_DATA_DIR, tuple(site_settings.STATICFILES_DIRS), site_settings.DEBUG)
        if where not in found:
            look(files)
            found[where] = files.files, files.directories
        files.files, files.directories = map(copy, found[where])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFiles, "add_files_from_finders", found_before)
        yield


def make_person(name: str) -> User:
    """Store a person `name`@example.com with a personal team, without a password: tests sign in by `client_for`."""
    user = User(email=f"{name}@example.com", name=name.title())
    user.set_unusable_password()
    open_account(user)
    return user


@pytest.fixture
def alice(db: None) -> User:
    """Give the owner of `team` and of the site."""
    return make_person("alice")


@pytest.fixture
def team(alice: User) -> Team:
    """Give the team that alice owns and bob and dave are in."""
    return new_team("Alpha", alice)


@pytest.fixture
def bob(team: Team) -> User:
    """Give an editor of `team`."""
    user = make_person("bob")
    join_team(user, team, Role.EDITOR)
    return user


@pytest.fixture
def dave(team: Team) -> User:
    """Give a viewer of `team`."""
    user = make_person("dave")
    join_team(user, team, Role.VIEWER)
    return user


@pytest.fixture
def charlie(alice: User) -> User:
    """Give a stranger to `team`, who is somebody in a team of their own."""
    return make_person("charlie")


@pytest.fixture
def client_for(team: Team) -> Callable[[User | None], Client]:
    """Give browsers of people: signed in (None is nobody) and, for people of `team`, working in it."""

    def client_of(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
            session = client.session
            if team.memberships.filter(user=user).exists():
                session[SESSION_TEAM] = team.pk
            session.save()
        return client

    return client_of


@pytest.fixture
def models_server(settings: LazySettings) -> Iterator[ModelsServer]:
    """Give a server that lists models, which the operator of this site has listed."""
    server = ModelsServer()
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({server.host_port})
    yield server
    server.close()


@pytest.fixture
def openrouter(settings: LazySettings) -> Iterator[OpenRouter]:
    """Give a stand-in for OpenRouter, which the operator of this site has listed and put in its place."""
    server = OpenRouter()
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({server.host_port})
    settings.FUSION_OPENROUTER_URL, settings.FUSION_OPENROUTER_AUTH_URL = server.url, server.auth_url
    yield server
    server.close()
