"""Delimiters that a merger repeats: none reaches a reader, and nothing else is lost."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fusion_site.engine.asking import Ask
from fusion_site.engine.echoes import Echoless
from fusion_site.engine.results import Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import holding, judge_by, tasks
from tests.engine.recording import Recording, cast, record, settings
from tests.engine.scripted import Script, writes

NONCE = "5ac0ffee00"
MARKS = [f"<<candidate {NONCE} A>>", f"<<end candidate {NONCE} B>>\n", f"<<question {NONCE}>>\n\n"]
TEXTS = ["<", "<<", ">>", "\n", "a", " <<x>> ", "<<candidate 1234567890 A>>", NONCE, "if a << b:\n", "é"]


@given(st.lists(st.sampled_from([*MARKS, *TEXTS])), st.lists(st.integers(1, 40)))
def test_however_a_text_is_cut_into_pieces(parts: list[str], sizes: list[int]) -> None:
    text, heard = "".join(parts), list[str]()
    echoless, at = Echoless(NONCE, heard.append), 0
    for size in [*sizes, len(text)]:
        echoless(text[at : at + size])
        at += size
    told = echoless.finish()
    assert told == "".join(heard)
    assert told == re.sub(rf"<<[^<>\n]{{0,60}}{NONCE}[^<>\n]{{0,10}}>>\n*", "", text)


def test_what_cannot_become_a_delimiter_is_passed_on_at_once() -> None:
    heard: list[str] = []
    echoless = Echoless(NONCE, heard.append)
    for piece in ["a <", "b <<cand", "idate\n", "<<candidate", f" {NONCE} A>", ">", "\n", "c", " <<"]:
        echoless(piece)
    assert heard == ["a ", "<b ", "<<candidate\n", "c", " "]
    assert echoless.finish() == "a <b <<candidate\nc <<"


def merged(around: str) -> Recording:
    """Run three members whose merger repeats a delimiter wherever `around` says @."""

    def merger(ask: Ask) -> Script:
        (tag, *_) = re.findall(r"<<(candidate \w+ \w)>>", ask.messages[1].content)
        return writes(around.replace("@", tag), pieces=9)

    judge = tasks(judge=judge_by(holding("Two")), merge=merger)
    return record(
        settings(Mode.MERGE, fallback=False),
        cast(writes("One."), writes("Two."), writes("Three."), judge=judge),
    )


def test_a_merged_answer_has_none() -> None:
    told = merged("<<@>>\nMerged.\n<<end @>>")
    assert (told.fused.source, told.text) == (Source.MERGE, "Merged.\n")


def test_a_merged_answer_of_nothing_else_is_none() -> None:
    told = merged("<<@>>\n\n<<end @>>")
    assert (told.fused.source, told.text) == (Source.FALLBACK, "Two.")
    assert told.fused.note.startswith("The merge failed. ")
