"""The merged text is made of the candidates' own sentences."""

from __future__ import annotations

from fusion_site.engine.closed import final_answer
from fusion_site.engine.prompts import merge_messages
from fusion_site.pages.markdown import render
from fusion_site.rehearsal.comparing import Comparison
from fusion_site.rehearsal.sentences import read_candidate
from tests.rehearsal.asking import MEMBERS, PROMPTS, reply, script
from tests.rehearsal.cases import candidates, settings

LABEL = "*rehearsal: scripted, no AI*"


def merged(texts: list[str], question: str) -> str:
    return reply(merge_messages(settings(question), candidates(texts), {}))


def test_every_sentence_comes_from_a_candidate() -> None:
    for prompt in PROMPTS:
        texts = [script(model, prompt).text for model in MEMBERS]
        text = merged(texts, prompt)
        own = "\n".join(texts)
        for sentence in read_candidate("M", text).sentences:
            said = (
                sentence.text.removeprefix("One answer adds: ")
                .removeprefix("Another answer adds: ")
                .rstrip(".")
            )
            assert said in own, (prompt, said)
        assert text.count(LABEL) == 1
        assert text.endswith(LABEL)


def test_shared_points_come_first_and_once_and_unique_ones_are_credited() -> None:
    for prompt in PROMPTS:
        texts = [script(model, prompt).text for model in MEMBERS]
        text = merged(texts, prompt)
        comparison = Comparison(prompt, dict(zip("ABC", texts, strict=True)))
        opening = text.split("\n\n")[1]
        for point in comparison.shared[:4]:
            assert point.sentence.text in opening
            assert text.count(point.sentence.text) == 1
        assert text.count("One answer adds: ") == 1
        assert text.count("Another answer adds: ") == 1


def test_the_best_candidates_shape_is_kept() -> None:
    texts = [script(model, PROMPTS[0]).text for model in MEMBERS]
    html = render(merged(texts, PROMPTS[0]))
    for part in ("<h3>", "<h4>", "<td", '<pre class="code" tabindex="0">', "<math"):
        assert part in html
    assert any(merged(texts, PROMPTS[0]).splitlines()[0] == text.splitlines()[0] for text in texts)


def test_code_with_empty_lines_stays_whole() -> None:
    code = "```python\na = 1\n\n\nb = 2\n```"
    text = merged([f"# Title\n\nThe table of orders holds 40 rows.\n\n{code}", "Short."], PROMPTS[0])
    assert code in text


def test_a_value_stays_the_last_line() -> None:
    question = "what is 17*23? Please disagree."
    texts = [script(model, question).text for model in MEMBERS]
    assert str(final_answer(merged(texts, question))) == "391"


def test_one_candidate_and_empty_ones() -> None:
    assert merged(["Only this is said here."], "x").startswith("Only this is said here.")
    assert merged(["", ""], "x") == LABEL


def test_other_candidates_make_another_text() -> None:
    texts = [script(model, PROMPTS[0]).text for model in MEMBERS]
    assert merged(texts, PROMPTS[0]) != merged(texts[:2], PROMPTS[0])


def test_what_a_reader_wants_is_there_word_for_word_and_what_not_is_gone() -> None:
    texts = [script(model, PROMPTS[0]).text for model in MEMBERS]
    shared = Comparison(PROMPTS[0], dict(zip("ABC", texts, strict=True))).shared[0].sentence.text
    wishes = {
        "keep": [{"from": "blind_spot", "text": "Nobody says when."}],
        "leave_out": [{"from": "consensus", "text": shared}],
    }
    plain = merged(texts, PROMPTS[0])
    text = reply(merge_messages(settings(PROMPTS[0]), candidates(texts), {}, wishes))
    assert shared in plain
    assert shared not in text
    assert "Nobody says when." in text
    assert text.endswith(LABEL)
