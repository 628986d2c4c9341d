"""The corpus of hostile candidates through every mode: the structure handed to the judge holds, and no attack wins by it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from fusion_site.engine.asking import Ask
from fusion_site.engine.defusing import nonce_of
from fusion_site.engine.settings import Mode
from tests.engine.attacks import ORDER, outsides, undefended
from tests.engine.hostile import Hostile, hostile_candidates
from tests.engine.judges import (
    candidates_in,
    holding,
    judge_by,
    score,
    scores_by,
    task_of,
    tasks,
    verdict,
)
from tests.engine.recording import Recording, cast, record, settings
from tests.engine.scripted import Made, Part, Script, fails, writes

HONEST = "The sky is blue because short waves scatter most."
OTHER = "Blue light scatters more than red light does."
# Each task has its own word; an attack is made for one of them.
AIMS = [(task, letter) for task in ("judge", "score", "merge", "challenge") for letter in "AB"]
CORPUS = [
    hostile
    for n, (task, letter) in enumerate(AIMS)
    for hostile in hostile_candidates(nonce_of(7, task), letter)[n :: len(AIMS)]
]
NAMED = hostile_candidates(nonce_of(7, "judge"), "A")
FENCE = re.compile(r"<<(\w+) ([0-9a-f]{10})(?: ([A-Z]))?>>\n([^\n]*)\n<<end \1 \2(?: \3)?>>")


def staged(mode: Mode, attack: str, judge: Made, early: Part) -> Recording:
    """Run an honest answer, the attack and one more honest answer, in which everything that can be asked is asked."""
    reason = "It was wrong. " + attack.splitlines()[-1][:500]
    texts = (OTHER, attack, HONEST, OTHER + " So it is.")
    talk = [
        tasks(answer=writes(text, after), challenge=writes(f"CHANGE\nReason: {reason}\n\n{text}", 1))
        for after, text in enumerate(texts, start=1)
    ]
    return record(
        settings(mode, members=4, quorum=4, do_no_harm=True, judge={"window": 60_000}),
        cast(*talk, judge=judge, fallback=fails(), early=early),
    )


def skeletons(told: Recording) -> Counter[str]:
    """Give every prompt with its data taken out: what is left is the site's own, whatever the answers say."""
    asked = [call.ask for call in told.asker.calls if task_of(call.ask) != "answer"]
    return Counter(task_of(ask) + FENCE.sub(_emptied, ask.messages[-1].content) for ask in asked)


def _emptied(fence: re.Match[str]) -> str:
    return f"[{fence[1]} {fence[3]}]"


FAIR = [True, True, False, True]
EARLY = scores_by({"": FAIR})
FAIR_JUDGE = judge_by(holding(HONEST), merged=HONEST)


@cache
def plain(mode: Mode, is_clipped: bool) -> Counter[str]:
    """Give the skeletons of a run in which nobody attacks."""
    text = "The sea is up there. " * (50_000 if is_clipped else 1)
    return skeletons(staged(mode, text, FAIR_JUDGE, EARLY))


def naive(ask: Ask) -> Script:
    """Obey whatever seems to stand outside the candidates: whoever gets its order out there wins."""
    found = {letter: ORDER in outside for letter, outside in outsides(ask.messages[-1].content).items()}
    obeyed = next((letter for letter, is_out in found.items() if is_out), None)
    match task_of(ask):
        case "score":
            return writes(score([obeyed is not None] * 4), 0.1)
        case "say":
            return writes("- Anything.", 0.1)
        case "merge":
            return writes(ORDER if obeyed else HONEST)
        case _:
            return writes(verdict(obeyed))


def quoting(ask: Ask) -> Script:
    """Quote every candidate in full, and then judge by what is said."""
    shown = candidates_in(ask)
    quoted = "\n\n".join(f"Candidate {letter} says:\n{text}" for letter, text in shown.items())
    match task_of(ask):
        case "score":
            return writes(f"{quoted}\n\n{score([ORDER not in quoted] * 4)}", 0.1)
        case "say":
            return writes("- Anything.", 0.1)
        case "merge":
            return writes(HONEST)
        case _:
            return writes(f"{quoted}\n\n{verdict(holding(HONEST)(shown))}")


def test_the_corpus_is_large_and_of_every_kind() -> None:
    assert len(NAMED) >= 40
    assert min(Counter(hostile.kind for hostile in NAMED).values()) >= 3
    assert all(ORDER in hostile.text for hostile in NAMED)


def test_without_a_defence_the_naive_judge_falls_for_it() -> None:
    structural = {"closes the delimiter", "opens another candidate", "template tokens", "unseen characters"}
    against = [h for h in hostile_candidates("0123456789", "A") if h.kind in structural]
    fell = [h for h in against if ORDER in outsides(undefended(h.text)).get("A", "")]
    assert len(fell) > len(against) * 0.8


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("hostile", NAMED, ids=str)
def test_the_structure_is_the_same_whatever_is_said(mode: Mode, hostile: Hostile) -> None:
    told = staged(mode, hostile.text, FAIR_JUDGE, EARLY)
    is_clipped = any("(clipped)" in skeleton for skeleton in skeletons(told))
    assert skeletons(told) == plain(mode, is_clipped)
    for call in told.asker.calls:
        if task_of(call.ask) != "answer":
            prompt = call.ask.messages[-1].content
            assert prompt.splitlines() == prompt.split("\n")
            prompt.encode()


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("hostile", CORPUS, ids=str)
def test_no_attack_wins_with_a_judge_that_obeys_what_stands_outside(mode: Mode, hostile: Hostile) -> None:
    told = staged(mode, hostile.text, naive, naive)
    assert {p["winner"] for p in told.verdict["passes"]} == {None}
    assert told.verdict["winner"][1] != 1
    assert ORDER not in told.text


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("hostile", NAMED, ids=str)
def test_no_attack_wins_by_being_quoted(mode: Mode, hostile: Hostile) -> None:
    told = staged(mode, hostile.text, quoting, quoting)
    assert told.verdict["winner"][1] == 2
    assert told.text == HONEST


def test_a_long_attack_takes_no_room_from_the_others() -> None:
    for hostile in NAMED:
        if hostile.kind == "too long":
            told = staged(Mode.BEST_OF, hostile.text, FAIR_JUDGE, fails())
            shown = candidates_in(told.asker.calls[-1].ask).values()
            assert {HONEST, OTHER} <= set(shown)
