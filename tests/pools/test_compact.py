"""The Compact host's page: what each person sees of it, what its owner alone may do, and what a choice changes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.compact.figures import Figures, HostFacts, Rate
from fusion_site.compact.files.errands import Errand
from fusion_site.compact.files.offer import Licence, Offer
from fusion_site.compact.files.progress import Progress
from fusion_site.compact.status import CompactStatus
from fusion_site.engine.asking import ErrorKind
from fusion_site.pools import compact_files, compact_host
from fusion_site.pools.compact_choice import CLOSED, hosted_file, is_open_to
from fusion_site.pools.flows import run_compact
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import CompactHost, Connection, Judge, Kind, PoolMember
from fusion_site.pools.reaching import endpoint
from fusion_site.providers import EndpointUnavailable
from tests.compact.fake_hub import REPO, TOKEN, FakeHub, running
from tests.compact.gguf_model import write_tiny_gguf

ADDRESSES = ("run/", "settings/", "template/", "files/look/", "files/fetch/", "files/stop/", "files/remove/")
ClientFor = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def models(settings: LazySettings, tmp_path: Path) -> Path:
    """Give the folder of model files, empty at first."""
    settings.FUSION_COMPACT_FILES = tmp_path / "models"
    settings.FUSION_COMPACT_STATE = tmp_path / "compact.host.json"
    settings.FUSION_COMPACT_TEMPLATES = tmp_path / "templates"
    return tmp_path / "models"


@pytest.fixture
def tiny(models: Path) -> str:
    """Give the name of a file that somebody put into the folder."""
    models.mkdir()
    return write_tiny_gguf(models / "tiny.gguf").name


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> CompactStatus:
    """Have a host that is ready and busy, as another process would tell of it."""
    status = CompactStatus(
        state="ready",
        model_id="lantern-12b",
        file=Path("/srv/models/lantern-12b.gguf"),
        host=HostFacts("llama 12B", 8192, 32768, 8, 4, layers=41, gpu_layers=24, gpus="a card"),
        figures=Figures(progress=1, busy=3, waiting=2, written=1234, memory=7_100_000_000),
        warning="It may not fit: the weights are large.",
        error="The model process was killed (SIGKILL): /srv/models/lantern-12b.gguf",
    )
    monkeypatch.setattr(compact_host, "status", lambda: status)
    return status


@pytest.mark.parametrize("address", ADDRESSES)
def test_only_the_owner_of_the_site_may_change_what_it_hosts(
    client_for: ClientFor, bob: User, dave: User, charlie: User, address: str
) -> None:
    for person in (bob, dave, charlie):
        assert client_for(person).post(f"/compact/{address}", {"do": "stop"}).status_code == 403
    assert client_for(None).post(f"/compact/{address}").status_code == 302
    assert not CompactHost.objects.exists()


def test_the_page_shows_the_host_to_all_and_its_secrets_to_its_owner(
    client_for: ClientFor, alice: User, dave: User, host: object
) -> None:
    for path in ("/compact/", "/compact/state/"):
        seen, owned = (client_for(person).get(path).content.decode() for person in (dave, alice))
        for part in (
            "lantern-12b",
            "3 of 8 being written, 2 waiting",
            "7.1 GB",
            "24 of 41 layers on a card",
            "8,192 tokens each",
            "It may not fit",
        ):
            assert part in seen
        assert "/srv/models" not in seen
        assert "SIGKILL" in owned
    assert "Host this" not in client_for(dave).get("/compact/").content.decode()
    assert client_for(dave).get("/compact/rates/").status_code == 200
    assert client_for(None).get("/compact/").status_code == 302


def test_a_choice_outlives_the_process_and_ends_with_another_setting(
    alice: User, team: Team, settings: LazySettings, tiny: str, models: Path
) -> None:
    settings.FUSION_COMPACT_MODEL = Path("/set/first.gguf")
    assert hosted_file() == Path("/set/first.gguf")
    assert run_compact.choose_file(alice, tiny).path == models / tiny == hosted_file()
    member = PoolMember.objects.filter(connection__team=team, connection__kind=Kind.COMPACT).first()
    assert member is not None
    assert member.model == "tiny"
    settings.FUSION_COMPACT_MODEL = Path("/set/second.gguf")
    assert hosted_file() == Path("/set/second.gguf")
    for name in ("absent.gguf", "../models/tiny.gguf", ""):
        with pytest.raises(Invalid):
            run_compact.choose_file(alice, name)


def test_a_file_that_is_no_model_is_refused_at_once(
    client_for: ClientFor, alice: User, models: Path, tiny: str
) -> None:
    """With the host off nothing else would tell until somebody starts it."""
    run_compact.choose_file(alice, tiny)
    (models / "page.gguf").write_bytes(b"<html>404</html>")
    refused = client_for(alice).post("/compact/run/", {"do": "host", "file": "page.gguf"})
    assert refused.status_code == 422
    assert "page.gguf is not a GGUF file: it does not begin with the letters GGUF" in refused.content.decode()
    assert hosted_file() == models / tiny


def test_a_file_that_could_not_take_over_is_not_the_chosen_one(
    client_for: ClientFor, alice: User, models: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be hosted from the next start of the site on, and the one in service could be deleted."""
    refusals: list[Callable[[], Awaitable[object]]] = []

    class Supervisor:
        def begin_swap(self, model: Path, refused: Callable[[], Awaitable[object]]) -> None:
            refusals.append(refused)

    async def refuse(number: int) -> None:
        await refusals[number]()

    run_compact.choose_file(alice, tiny)
    write_tiny_gguf(models / "other.gguf")
    write_tiny_gguf(models / "third.gguf")
    monkeypatch.setattr(compact_host, "supervisor", Supervisor)
    for name in ("other.gguf", "third.gguf"):
        assert client_for(alice).post("/compact/run/", {"do": "host", "file": name}).status_code == 302
        assert hosted_file() == models / name
    async_to_sync(refuse)(0)
    assert hosted_file() == models / "third.gguf"
    run_compact.choose_file(alice, tiny)
    client_for(alice).post("/compact/run/", {"do": "host", "file": "other.gguf"})
    async_to_sync(refuse)(-1)
    assert hosted_file() == models / tiny
    assert client_for(alice).post("/compact/files/remove/", {"file": tiny}).status_code == 422


def test_a_hosted_file_is_not_deleted(client_for: ClientFor, alice: User, tiny: str, models: Path) -> None:
    run_compact.choose_file(alice, tiny)
    refused = client_for(alice).post("/compact/files/remove/", {"file": tiny})
    assert (refused.status_code, (models / tiny).exists()) == (422, True)
    write_tiny_gguf(models / "other.gguf")
    client_for(alice).post("/compact/files/remove/", {"file": "other.gguf"})
    assert [path.name for path in models.iterdir()] == [tiny]


def test_a_team_that_may_not_use_it_does_not_see_it_and_is_refused(
    client_for: ClientFor, alice: User, bob: User, team: Team, place: Membership, tiny: str
) -> None:
    run_compact.choose_file(alice, tiny)
    connection = Connection.objects.get(team=team, kind=Kind.COMPACT)

    def picker() -> str:
        return client_for(bob).get("/pools/new/").content.decode()

    assert connection.pk in picker()
    others = Team.objects.exclude(pk=team.pk).values_list("pk", flat=True)
    data = {"who": "some", "team": list(others), "idle_min": "15"}
    assert client_for(alice).post("/compact/settings/", data).status_code == 302
    assert CompactHost.objects.get().idle_s == 900
    assert not is_open_to(team.pk)
    assert connection.pk not in picker()
    with pytest.raises(EndpointUnavailable) as refused:
        async_to_sync(endpoint)(connection.pk)
    assert refused.value.error.kind == ErrorKind.PERMISSION
    assert "Your team may not use the Compact model" in refused.value.error.message
    assert client_for(bob).post("/compact/try/", {"prompt": "Hi"}).status_code == 404
    assert CLOSED in client_for(bob).get("/connections/").content.decode()
    run_compact.open_to(alice, everyone=True, teams=[])
    assert connection.pk in picker()
    assert CLOSED not in client_for(bob).get("/connections/").content.decode()


def test_the_list_of_connections_keeps_the_hosts_secrets_too(
    client_for: ClientFor, alice: User, dave: User, host: object
) -> None:
    seen, owned = (client_for(person).get("/connections/").content.decode() for person in (dave, alice))
    assert "/srv/models" in owned
    assert "/srv/models" not in seen
    assert "the owner of this site sees why" in seen


def test_wrong_settings_are_told_beside_the_field(client_for: ClientFor, alice: User) -> None:
    answer = client_for(alice).post("/compact/settings/", {"idle_min": "soon", "who": "all"})
    assert answer.status_code == 422
    assert 'id="idle_error"' in answer.content.decode()
    assert client_for(alice).post("/compact/run/", {"do": "host", "file": "x"}).status_code == 422


def test_a_prompt_is_needed_to_try_it(client_for: ClientFor, alice: User, tiny: str) -> None:
    run_compact.choose_file(alice, tiny)
    for prompt in ("", "x" * 8001):
        answer = client_for(alice).post("/compact/try/", {"prompt": prompt})
        assert (answer.status_code, answer.content.decode()[0]) == (422, "\x1e")


def test_a_template_is_tried_before_it_is_kept(
    client_for: ClientFor, alice: User, tiny: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reloads: list[str] = []

    class Supervisor:
        def begin_reload(self) -> None:
            reloads.append(compact_files.templates().text(models / tiny))

        def status(self) -> CompactStatus:
            return CompactStatus(state="ready", file=models / tiny)

        def rates(self) -> list[Any]:
            return []

    def saved(text: str, file: str = tiny) -> Any:
        return client_for(alice).post("/compact/template/", {"template": text, "file": file})

    refused = saved("{{ messages }}")
    assert (refused.status_code, "No file is hosted" in refused.content.decode()) == (422, True)
    run_compact.choose_file(alice, tiny)
    monkeypatch.setattr(compact_host, "_supervisor", Supervisor())
    refused = saved("<{{ nothing.at.all }}>")
    said = refused.content.decode()
    assert refused.status_code == 422
    assert "It fails on a conversation of a user and an assistant: &#x27;nothing&#x27; is undefined." in said
    assert "&lt;{{ nothing.at.all }}&gt;</textarea>" in said
    good = "{% for m in messages %}\r\n{{ m.content }}{% endfor %}"
    assert saved(good).status_code == 302
    assert saved(" \r\n").status_code == 302
    late = saved(good, file="older.gguf")  # from a page that was open while another file took over
    assert late.status_code == 422
    assert f"It was for older.gguf, but {tiny} is hosted from now on." in late.content.decode()
    assert f'name="file" value="{tiny}"' in late.content.decode()
    assert good.replace("\r\n", "\n") in late.content.decode().replace("\r\n", "\n")
    assert reloads == [good.replace("\r\n", "\n"), ""]


def test_the_chart_is_there_once_something_was_written(
    client_for: ClientFor, dave: User, host: CompactStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(written: float) -> str:
        monkeypatch.setattr(compact_host, "rates", lambda: [Rate(5.0 * ago, written, 0.0) for ago in (1, 0)])
        return client_for(dave).get("/compact/state/").content.decode()

    monkeypatch.setattr(compact_host, "_supervisor", SimpleNamespace(status=lambda: host))
    assert "Nothing was written in the last five minutes." in shown(0.0)
    written = shown(3.0)
    assert "Nothing was written" not in written
    assert 'class="rates"' in written


@pytest.fixture
def hub(settings: LazySettings, tmp_path: Path) -> Iterator[FakeHub]:
    """Give a hub whose gate this site's token opens."""
    content = write_tiny_gguf(tmp_path / "lantern.gguf").read_bytes()
    with running(FakeHub(content, gated="auto", open_to=TOKEN)) as hub:
        settings.FUSION_HF_URL, settings.FUSION_HF_TOKEN = hub.url, TOKEN
        yield hub


def test_a_fetch_that_ended_is_told_with_the_files_anew(
    client_for: ClientFor, alice: User, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By these two parts alone: a page that was loaded anew would lose what somebody types on it."""
    offer = Offer("hf:meadow/lantern-GGUF/lantern.gguf", "lantern.gguf", 9, "ab", "c", "", False, Licence())

    def told(**how: Any) -> str:
        errands = SimpleNamespace(newest=Errand(offer, "alice@example.com", **how))
        monkeypatch.setattr(compact_host, "_errands", errands)
        answer = client_for(alice).get("/compact/files/progress/")
        assert "HX-Refresh" not in answer.headers
        return answer.content.decode()

    running = told(state="running", progress=Progress(3, 9, 1.5, 4.0))
    for part in ("33%", "a second", "4.0 s left", 'hx-trigger="every 1s"'):
        assert part in running
    ended = told(state="done")
    for part in ("it is here, and its checksum is right", 'id="files"', 'hx-swap-oob="true"', tiny):
        assert part in ended
    assert "every 1s" not in ended
    failed = told(state="failed", message="The disk is full.")
    assert "The disk is full." in failed
    assert f'name="source" value="{offer.source}"' in failed


def test_an_old_failure_does_not_stand_above_another_offer(
    client_for: ClientFor, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offered(source: str) -> Offer:
        return Offer(source, "lantern.gguf", 9, "ab", "c", "", False, Licence())

    async def look(source: str) -> Offer:
        return offered(source)

    def page_after(source: str) -> str:
        message = "lantern.gguf needs a larger disk."
        failed = Errand(offered(source), "alice@example.com", state="failed", message=message)
        monkeypatch.setattr(compact_host, "_errands", SimpleNamespace(newest=failed, look=look))
        looked_up = {"source": "hf:meadow/lantern-GGUF/lantern.gguf"}
        return client_for(alice).post("/compact/files/look/", looked_up).content.decode()

    same = page_after("hf:meadow/lantern-GGUF/lantern.gguf")
    assert "<p>lantern.gguf needs a larger disk." in same  # its name once
    assert "needs a larger disk" not in page_after("hf:other/place/lantern.gguf")


def test_what_came_of_a_file_before_a_cut_is_shown_and_can_be_deleted(
    client_for: ClientFor, alice: User, bob: User, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that was killed remembers no fetch; what came fills the disk, and only the page tells of it."""
    offer = Offer(
        "hf:meadow/lantern-GGUF/lantern.gguf", "lantern.gguf", 4000, "ab" * 32, "c", licence=Licence()
    )
    shelf = compact_files.shelf()
    shelf.begin(offer).write_bytes(b"x" * 1000)

    async def look(source: str) -> Offer:
        return offer

    monkeypatch.setattr(compact_host, "_errands", SimpleNamespace(newest=None, look=look))
    page = client_for(alice).get("/compact/").content.decode()
    assert "1.0 kB of 4.0 kB: its fetch was cut or stopped" in page
    looked_up = client_for(alice).post("/compact/files/look/", {"source": offer.source}).content.decode()
    assert "1.0 kB of it are here already" in looked_up
    assert client_for(bob).post("/compact/files/remove/", {"part": offer.name}).status_code == 403
    with shelf.alone(offer.name):
        refused = client_for(alice).post("/compact/files/remove/", {"part": offer.name})
        assert "lantern.gguf is being fetched already." in refused.content.decode()
    assert shelf.parts() != []
    assert client_for(alice).post("/compact/files/remove/", {"part": offer.name}).status_code == 302
    assert [path.name for path in models.iterdir()] == [".lantern.gguf.lock"]


def test_a_file_that_changed_since_it_was_shown_is_shown_anew(
    client_for: ClientFor, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(source: str) -> Offer:
        return Offer(source, "lantern.gguf", 9, "cd" * 32, "newer", licence=Licence("mit", "MIT License"))

    def fetch(*_: Any) -> None:
        raise AssertionError("nobody accepted this")

    monkeypatch.setattr(compact_host, "_errands", SimpleNamespace(newest=None, look=look, fetch=fetch))
    asked = {"source": "hf:meadow/lantern-GGUF/lantern.gguf", "commit": "older", "accept": "1"}
    for changes, said in (
        ({}, "changed it since it was shown"),
        ({"commit": "newer", "accept": ""}, "Accept the"),
    ):
        refused = client_for(alice).post("/compact/files/fetch/", asked | changes)
        page = refused.content.decode()
        assert refused.status_code == 422
        assert said in page
        for part in ("cd" * 32, "MIT License", 'name="commit" value="newer"'):
            assert part in page


def test_an_open_page_gets_the_files_anew_once_another_one_is_hosted(
    client_for: ClientFor, alice: User, tiny: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would offer what is hosted, and call another file so."""
    status = CompactStatus(state="ready", file=models / "old.gguf")
    monkeypatch.setattr(compact_host, "status", lambda: status)
    browser = client_for(alice)

    def polled(page: str) -> str:
        (address,) = re.findall(r'hx-get="(/compact/state/[^"]*)"', page)
        return browser.get(address).content.decode()

    page = browser.get("/compact/").content.decode()
    assert 'id="files"' not in polled(page)
    status = replace(status, incoming=tiny)
    loading = polled(page)
    assert 'hx-swap-oob="true"' in loading
    assert "being loaded" in loading
    assert f"Host {tiny}" not in loading
    assert 'id="files"' not in polled(loading)
    status = CompactStatus(state="ready", file=models / tiny)
    assert ">hosted</span>" in polled(loading)


def test_hosting_another_file_asks_first_where_pools_name_the_model_in_service(
    client_for: ClientFor, alice: User, tiny: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_compact.choose_file(alice, tiny)
    write_tiny_gguf(models / "other.gguf")
    status = CompactStatus(state="ready", model_id="tiny", file=models / tiny)
    monkeypatch.setattr(compact_host, "status", lambda: status)
    monkeypatch.setattr(compact_host, "_supervisor", SimpleNamespace(rates=list))
    ours = Team.objects.count() * 2  # each team starts with a pool and a judge of it
    question = f"Host other.gguf instead of tiny? Pools and judges that ask for tiny by name: {ours}."
    assert question in client_for(alice).get("/compact/").content.decode()
    PoolMember.objects.filter(model="tiny").update(model="other")
    Judge.objects.filter(model="tiny").update(model="other")
    assert "Host other.gguf instead" not in client_for(alice).get("/compact/").content.decode()


def command(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("compact", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_fetches_and_lists(hub: FakeHub, settings: LazySettings, models: Path) -> None:
    source = f"hf:{REPO}/lantern.gguf"
    with pytest.raises(CommandError, match=r"Read the licence; then accept it: .* --accept NAME"):
        command("pull", source)
    assert hub.streams == []
    printed, said = command("pull", source, "--accept", "Ada Lovelace")
    assert printed.strip() == str(models / "lantern.gguf")
    assert "Licence: Lantern Community License http" in said
    assert "gated by its authors" in said
    assert TOKEN not in said
    (line,) = command("list")[0].splitlines()
    for part in (
        "lantern.gguf  1.3 MB  llama, 313,216 parameters, F32",
        "  checked  ",
        "accepted by Ada Lovelace",
        source,
    ):
        assert part in line
    settings.FUSION_HF_TOKEN = ""
    compact_files.shelf().remove("lantern.gguf")
    with pytest.raises(CommandError, match="FUSION_HF_TOKEN"):
        command("pull", source, "--accept", "Ada")
    with pytest.raises(CommandError, match="Write hf:owner"):
        command("pull", "lantern", "--accept", "Ada")


def test_paths_of_the_machine_and_who_accepted_are_for_its_owner(
    client_for: ClientFor, alice: User, charlie: User, tmp_path: Path
) -> None:
    (tmp_path / "private").mkdir()
    original = write_tiny_gguf(tmp_path / "private" / "tiny.gguf")
    command("pull", f"file:{original}", "--accept", "ada@example.com")
    owned, seen = (client_for(who).get("/compact/").content.decode() for who in (alice, charlie))
    for part in (str(original), "ada@example.com"):
        assert part in owned
        assert part not in seen
    assert "tiny.gguf" in seen


def test_the_command_refuses_what_cannot_be_hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> int:
        raise AssertionError("nothing is to be hosted")

    monkeypatch.setattr("fusion_site.compact.host.serve_forever", never)
    with pytest.raises(CommandError, match="No such file or directory"):
        command("serve", str(tmp_path / "none.gguf"))
    model = write_tiny_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(CommandError, match="slots must be between 1 and 255"):
        command("serve", str(model), "--slots", "0")


def test_the_command_measures_a_file(tmp_path: Path) -> None:
    model = write_tiny_gguf(tmp_path / "tiny.gguf")
    lines = command("bench", str(model), "--slots", "3", "--threads", "1")[0].splitlines()
    assert [line.split()[0] for line in lines] == ["answers", "1", "2", "3"]
    rates = [float(line.split()[1].removesuffix("/s")) for line in lines[1:]]
    assert min(rates) > 0
    with pytest.raises(CommandError, match="leaves no room for an answer"):
        command("bench", str(model), "--context", "64")
    with pytest.raises(CommandError, match="is not a GGUF file"):
        command("bench", __file__)
