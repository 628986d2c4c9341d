"""Votes without names: what a ballot shows, who may vote how often, and what it adds up to, in the team and by link."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import User
from fusion_site.runs.flows.again import retry_answer
from fusion_site.runs.models import Run
from fusion_site.runs.voting.models import Vote
from tests.runs.conftest import Desk
from tests.runs.test_executing import work
from tests.runs.test_sharing import CANARIES, first_frame, link, script
from tests.upstream import Script, Upstream, task_of

pytestmark = pytest.mark.django_db(transaction=True)

ClientFor = Callable[[User | None], Client]
NAMES = ("Ada", "Bea", "Cyd", "Judge")


@pytest.fixture
def run(desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a run with two usable answers of three and a merged one."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)
    script(desk, upstream)
    return work(desk.start("Which is best?"))


def where(run: Run) -> str:
    return f"/runs/{run.pk}/vote/"


def letter_of(page: str, words: str) -> str:
    """Give the letter under which a ballot shows the text with these words."""
    (found,) = [part for part in re.split(r'(?=<h3 id="candidate-)', page)[1:] if words in part]
    return found[len('<h3 id="candidate-')]


def ballot(page: str, choice: str, **more: str) -> dict[str, str]:
    """Fill in the ballot of a page."""
    hidden = dict(re.findall(r'<input type="hidden" name="(seal|mark)" value="([^"]+)"', page))
    return {**hidden, "choice": choice, **more}


def cast(client: Client, path: str, words: str, **more: str) -> Any:
    """Vote for the text with these words, as a ballot shows it."""
    page = client.get(path).content.decode()
    to = path if "/runs/" in path else f"{path}vote/"
    return client.post(to, ballot(page, letter_of(page, words), **more))


def counts(page: str) -> dict[str, int]:
    """Give a tally as a page shows it."""
    found = re.findall(
        r'score-name">([^<]+)</span><span class="number">(\d+)<', page.partition('class="tally')[2]
    )
    return {name: int(number) for name, number in found}


def test_a_ballot_shows_texts_and_no_names(run: Run, client_for: ClientFor, dave: User) -> None:
    page = client_for(dave).get(where(run)).content.decode()
    content = page.partition("<main")[2]
    for text in ("adas-own-words", "cyds-own-words", "merged-by-the-judge"):
        assert letter_of(content, text) in "ABC"
    for name in (*NAMES, *run.answers.values_list("pk", flat=True)):
        assert name not in content.replace("adas-own-words", "").replace("cyds-own-words", "")
    assert "tally" not in content


def test_names_in_the_texts_are_taken_out(desk: Desk, upstream: Upstream, client_for: ClientFor) -> None:
    desk.preset.pool.members.filter(model="ada").update(label="Adamant-7")
    upstream.scripts |= {
        "ada": Script(["Adamant-7 says so."]),
        "bea": Script(["No."]),
        "cyd": Script(["Yes."]),
    }
    content = client_for(desk.person).get(where(work(desk.start()))).content.decode()
    assert "says so." in content
    assert "Adamant" not in content


def test_after_a_debate_the_answers_are_those_that_stand(
    desk: Desk, upstream: Upstream, client_for: ClientFor
) -> None:
    def cyd(body: dict[str, Any]) -> Script:
        changes = ["CHANGE\nReason: beas words are right.\n\nThe changed text."]
        return Script(changes if task_of(body) == "challenge" else ["The text that is given up."])

    def bea(body: dict[str, Any]) -> Script:
        keeps = ["KEEP\nReason: it is right."]
        return Script(keeps if task_of(body) == "challenge" else ["I am bea, and stay so."])

    upstream.scripts |= {"ada": Script(["I am ada."]), "bea": bea, "cyd": cyd}
    desk.change(mode="debate")
    run = work(desk.start())
    content = client_for(desk.person).get(where(run)).content.decode()
    for text, is_there in (
        ("and stay so", True),
        ("The changed text", True),
        ("given up", False),
        ("KEEP", False),
    ):
        assert (text in content) is is_there, text


def test_each_voter_has_an_order_of_their_own_that_stays(
    run: Run, client_for: ClientFor, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def order(client: Client) -> list[str]:
        page = client.get(where(run)).content.decode()
        return [letter_of(page, words) for words in ("adas-own", "cyds-own", "merged-by")]

    client = client_for(desk.person)
    assert order(client) == order(client)
    orders = set()
    for n in range(30):
        person = User.objects.create(email=f"p{n}@example.com")
        desk.team.memberships.create(user=person)
        orders.add(tuple(order(client_for(person))))
    assert len(orders) > 3


def test_one_vote_each_which_shows_the_tally_and_may_be_changed(
    run: Run, client_for: ClientFor, desk: Desk, alice: User, dave: User
) -> None:
    voters = {each: client_for(each) for each in (alice, desk.person, dave)}
    assert cast(voters[alice], where(run), "adas-own-words", note="<b>It is short.</b>").status_code == 302
    assert cast(voters[desk.person], where(run), "merged-by-the-judge").status_code == 302
    assert "tally" not in voters[dave].get(where(run)).content.decode().partition("<main")[2]
    talk = f"/runs/{run.pk}/comments/"
    assert "tally" not in voters[dave].get(talk).content.decode().partition("<main")[2]
    voters[dave].post(where(run), ballot(voters[dave].get(where(run)).content.decode(), "tie"))
    page = voters[alice].get(where(run)).content.decode()
    assert counts(page) == {"Ada": 1, "Cyd": 0, "Fused answer": 1, "Tie": 1}
    assert counts(voters[dave].get(talk).content.decode()) == counts(page)
    assert "&lt;b&gt;It is short.&lt;/b&gt;" in page
    cyd = run.answers.get(member=2)
    assert voters[alice].post(where(run), {"choice": cyd.pk}).status_code == 302
    assert counts(voters[alice].get(where(run)).content.decode())["Cyd"] == 1
    assert Vote.objects.count() == 3
    voters[alice].post(where(run), {"do": "withdraw"})
    assert Vote.objects.count() == 2
    assert "ballot-title" in voters[alice].get(where(run)).content.decode()


def test_a_ballot_that_is_wrong_keeps_what_was_typed(run: Run, client_for: ClientFor, dave: User) -> None:
    client = client_for(dave)
    page = client.get(where(run)).content.decode()
    for choice in ("", "Z", "AA"):
        answer = client.post(where(run), ballot(page, choice, note="typed before"))
        assert answer.status_code == 422
        assert 'id="choice_error"' in answer.content.decode()
        assert "typed before" in answer.content.decode()
    assert not Vote.objects.exists()


def test_a_vote_counts_for_the_text_that_was_read(
    run: Run, desk: Desk, upstream: Upstream, client_for: ClientFor, alice: User, dave: User
) -> None:
    cast(client_for(alice), where(run), "adas-own-words")
    late = client_for(dave)
    stale = late.get(where(run)).content.decode()
    upstream.scripts["bea"] = Script(["beas-new-words."])
    work(retry_answer(run.answers.get(member=1)))
    answer = late.post(where(run), ballot(stale, "A"))
    assert answer.status_code == 409
    assert "have changed" in answer.content.decode()
    assert "beas-new-words" in answer.content.decode()
    run.answers.filter(member=0).update(attempt=2)
    page = client_for(alice).get(where(run)).content.decode()
    assert counts(page)["Ada"] == 0
    assert "1 more is for texts that have been written anew" in page


def test_there_is_no_ballot_while_a_run_goes_on_or_with_one_answer(
    desk: Desk, upstream: Upstream, client_for: ClientFor
) -> None:
    client, fails = client_for(desk.person), Script(status=401, body={"error": {"message": "no"}})
    waiting = desk.start()
    upstream.scripts |= {"ada": Script(["I am ada."]), "bea": fails, "cyd": fails}
    alone = work(desk.start())
    for run in (waiting, alone):
        assert "nothing to vote on" in client.get(where(run)).content.decode()
        assert client.post(where(run), {"choice": "A"}).status_code == 409
    assert not Vote.objects.exists()


def test_strangers_do_not_vote_and_cannot_tell_that_there_is_a_run(
    run: Run, client_for: ClientFor, charlie: User
) -> None:
    stranger = client_for(charlie)
    assert stranger.get(where(run)).status_code == 404
    assert stranger.post(where(run), {"choice": "tie"}).status_code == 404
    assert Client().get(where(run)).status_code == 302
    assert not Vote.objects.exists()


def test_visitors_vote_once_where_the_link_lets_them_and_see_no_name_before(
    run: Run, desk: Desk, client_for: ClientFor
) -> None:
    path = link(client_for(desk.person), run, "fused", "members", "verdict", "prompt", voting="1")
    visitor = Client()
    page = visitor.get(path)
    content = page.content.decode().partition("<main")[2]
    assert not page.cookies
    for name in ("Ada", "Cyd", "Bea", "canary-insight"):
        assert name not in content
        assert name not in (first_frame(path, visitor) or "")
    assert visitor.get(path + "export.json").json().keys() >= {"header", "prompt"}
    assert "adas-own-words" not in visitor.get(path + "export.json").content.decode()
    voted = cast(visitor, path, "cyds-own-words")
    (cookie,) = voted.cookies.values()
    assert (cookie["path"], cookie["httponly"]) == (path, True)
    shown = visitor.get(path).content.decode()
    assert counts(shown) == {"Ada": 0, "Cyd": 1, "Fused answer": 0, "Tie": 0}
    for canaries in CANARIES["members"], CANARIES["verdict"]:
        assert all(canary in shown for canary in canaries)
    # A second ballot of the same browser is none.
    again = visitor.post(f"{path}vote/", ballot(content, "A"))
    assert (again.status_code, Vote.objects.count()) == (302, 1)
    assert Vote.objects.get().person is None
    cast(Client(), path, "cyds-own-words")
    assert Vote.objects.count() == 2


def test_a_visitor_may_look_without_voting_and_a_link_without_voting_takes_none(
    run: Run, desk: Desk, client_for: ClientFor
) -> None:
    voting = link(client_for(desk.person), run, "members", voting="1")
    visitor = Client()
    form = ballot(visitor.get(voting).content.decode(), "A")
    assert visitor.post(f"{voting}vote/", {"do": "see"}).status_code == 302
    assert "Ada" in visitor.get(voting).content.decode()
    assert visitor.post(f"{voting}vote/", form).status_code == 302
    plain = link(client_for(desk.person), run, "members")
    assert Client().post(f"{plain}vote/", form).status_code == 302
    assert not Vote.objects.exists()
