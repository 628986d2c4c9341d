"""Where a fused answer comes from: cutting markdown into sentences, who carries one, and what of the dissent is not in it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_site.engine.overlap import MOST_CHARS
from fusion_site.engine.provenance import Point, points_of, trace
from fusion_site.engine.sentences import clauses, sentences

# What a sentence and a passage have to do with each other, and whether the passage carries it.
CARRIED = [
    ("verbatim", "Keep the old column for a week.", "Keep the old column for a week."),
    (
        "marks differ",
        "**Keep** the `old` column [for a week](https://a.example/x).",
        "Keep the old column for a *week*.",
    ),
    (
        "words turned",
        "Adding a nullable column is safe, as PostgreSQL only changes the catalogue.",
        "Adding a nullable column is safe because PostgreSQL changes only the catalogue.",
    ),
    (
        "figures written otherwise",
        "Fill it in three batches of 1,000 rows, each in its own transaction.",
        "Then fill it in 3 batches of 1000 rows; each in a transaction of its own.",
    ),
    ("clauses turned", "In 3 days the whole migration is done.", "The whole migration is done in 3 days."),
    ("less said", "It is safe to add it.", "It is safe to add it, but do not fill it in one go."),
    (
        "shorter",
        "Ferries with electric engines have lower running costs over their lifetime.",
        "Over their whole lifetime, electric ferries have lower running costs.",
    ),
    (
        "an order",
        "The first step is to measure how long each crossing takes.",
        "First, measure how long each crossing takes.",
    ),
    (
        "German",
        "Man kann die Spalte ohne lange Sperre hinzufügen.",
        "Die Spalte kann man ohne eine lange Sperre hinzufügen.",
    ),
    ("Russian", "Добавить столбец можно без остановки сайта.", "Без остановки сайта можно добавить столбец."),
    ("Chinese", "添加可为空的列是安全的，因为只改变目录。", "添加一个可为空的列是安全的，因为它只改变目录。"),
]
NOT_CARRIED = [
    (
        "another figure",
        "It takes 3 days to fill the column in batches.",
        "It takes 5 days to fill the column in batches.",
    ),
    (
        "another number word",
        "It takes three days to fill the column.",
        "It takes five days to fill the column.",
    ),
    (
        "figures exchanged",
        "The plan costs 5 EUR a month and 3 EUR a day.",
        "The plan costs 3 EUR a month and 5 EUR a day.",
    ),
    ("another sign", "Store it at -20 degrees in the dark.", "Store it at 20 degrees in the dark."),
    (
        "a not less",
        "It is safe to add a column while the site is up.",
        "It is not safe to add a column while the site is up.",
    ),
    (
        "a not more",
        "It is not safe to add a column while the site is up.",
        "It is safe to add a column while the site is up.",
    ),
    (
        "a not elsewhere",
        "A is not safe and B is safe on the replicas.",
        "A is safe and B is not safe on the replicas.",
    ),
    (
        "a not in the other clause",
        "It is safe, as the whole table is rewritten under a lock that blocks every reader.",
        "It is not safe, as the whole table is rewritten under a lock that blocks every reader.",
    ),
    (
        "an un-",
        "It is unsafe to add a column while the site is up.",
        "It is safe to add a column while the site is up.",
    ),
    ("an opposite", "This is a good idea for most teams.", "This is a bad idea for most teams."),
    (
        "turned around",
        "Always take a backup before you run the migration.",
        "Take a backup after you run the migration, always.",
    ),
    (
        "other things",
        "Diesel ferries will be cheaper to buy for another ten years.",
        "Electric ferries will be cheaper to run for another ten years.",
    ),
    (
        "the same topic",
        "The charging infrastructure at the harbour must be planned first.",
        "The charging infrastructure at the harbour is expensive.",
    ),
    ("Hindi", "यह स्तंभ जोड़ना सुरक्षित है।", "यह स्तंभ जोड़ना सुरक्षित नहीं है।"),
    (
        "Arabic",
        "يمكن إضافة العمود أثناء تشغيل الموقع بأمان.",
        "لا يمكن إضافة العمود أثناء تشغيل الموقع بأمان.",
    ),
    ("Chinese", "添加可为空的列是安全的，因为只改变目录。", "添加可为空的列不是安全的，因为会改变目录。"),
]
AROUND = [
    "The weather in the harbour is often rough in winter.",
    "A table of forty million rows is large for a small site.",
    "It is the one thing that most of the teams forget about.",
]
MARKDOWN = """# A title

First one. It costs 3.5 USD, i.e. a lot! "Third?" she said. Dr. Smith agrees (see Fig. 2). `a. B` is code.
It goes on
over lines.

- [ ] an item. Two sentences.
1. numbered
> quoted text
> goes on.

| a | b |
| --- | --- |
| 1.5 | cell |

```python
x = 1.

print("a. B")
```
$$
y = 2
$$
这是第一句。「第二句。」 यह सही है। यह गलत है।
"""
CUT = [
    "A title",
    "First one.",
    "It costs 3.5 USD, i.e. a lot!",
    '"Third?" she said.',
    "Dr. Smith agrees (see Fig. 2).",
    "`a. B` is code.",
    "It goes on\nover lines.",
    "an item.",
    "Two sentences.",
    "numbered\n> quoted text\n> goes on.",
    "| a | b |",
    "| 1.5 | cell |",
    'x = 1.\n\nprint("a. B")',
    "$$\ny = 2\n$$",
    "这是第一句。",
    "「第二句。」",
    "यह सही है।",
    "यह गलत है।",
]


def carriers(fused: str, **texts: str) -> list[list[str]]:
    """Give who carries each sentence of a fused answer."""
    return [[key for key, _ in each.carriers] for each in trace(fused, texts).carried]


def among(passage: str) -> str:
    return "\n\n".join([*AROUND, passage])


@pytest.mark.parametrize(("fused", "passage"), [pair[1:] for pair in CARRIED], ids=[p[0] for p in CARRIED])
def test_what_says_the_same_carries_a_sentence(fused: str, passage: str) -> None:
    found = trace(fused, {"ada": among(passage), "bea": "Nothing of the kind is said here, by nobody."})
    ((key, place),) = found.carried[0].carriers
    assert (key, found.own) == ("ada", ())
    assert among(passage).find(passage) <= place.offset
    assert 0.6 <= place.score <= 1


@pytest.mark.parametrize(("fused", "passage"), [p[1:] for p in NOT_CARRIED], ids=[p[0] for p in NOT_CARRIED])
def test_what_says_something_else_does_not(fused: str, passage: str) -> None:
    found = trace(fused, {"ada": among(passage)})
    assert [each.carriers for each in found.carried] == [()]
    assert found.own == ((0, len(fused)),)


def test_markdown_is_cut_where_its_sentences_end() -> None:
    assert [sentence.of(MARKDOWN) for sentence in sentences(MARKDOWN)] == CUT


def test_the_shortest_passage_is_found() -> None:
    text = among("As the table is small, it is safe to add the column, but fill it slowly.")
    ((_, place),) = trace("It is safe to add the column.", {"ada": text}).carried[0].carriers
    assert text[place.offset : place.offset + place.length] == "it is safe to add the column,"


def test_an_answer_word_for_word_is_that_as_a_whole() -> None:
    found = trace("It is so.\n\nReally.", {"ada": "No.", "bea": "CHANGE\nReason: x\n\nIt is so.\n\nReally."})
    ((whole,), own) = found.carried, found.own
    ((key, place),) = whole.carriers
    assert (key, whole.offset, whole.length, place.offset, place.length, own) == ("bea", 0, 18, 18, 18, ())


def test_a_sentence_of_two_halves_is_taken_apart_only_where_both_are_said() -> None:
    texts = {"ada": among("Add it as a nullable column."), "bea": among("Fill it in small batches at night.")}
    assert carriers("Add it as a nullable column, then fill it in small batches at night.", **texts) == [
        ["ada"],
        ["bea"],
    ]
    assert carriers("Add it as a nullable column, then drop the old one in spring.", **texts) == [[]]


def test_code_is_carried_by_who_has_all_its_lines() -> None:
    texts = {
        "ada": "So:\n```sql\nBEGIN;\n  DROP x;\nCOMMIT;\n```\n",
        "bea": "So:\n```\nBEGIN;\nDROP y;\nCOMMIT;\n```\n",
    }
    assert carriers("Do this at night:\n```\nBEGIN;\nDROP x;\n\nCOMMIT;\n```\n", **texts) == [[], ["ada"]]


def test_what_is_too_short_counts_only_as_it_stands() -> None:
    found = trace("Yes. No. Maybe.", {"ada": "Yes. It is.", "bea": "It is yes, and no."})
    assert [[key for key, _ in each.carriers] for each in found.carried] == [["ada"], [], []]
    assert found.own == ()


def test_dissent_that_the_answer_does_not_say_is_listed() -> None:
    verdict = {
        "candidates": [{"label": "A", "answer": "ada"}, {"label": "B", "answer": "bea"}],
        "contradictions": [
            {
                "topic": "How long",
                "stances": [
                    {"label": "A", "stance": "It takes two days to move the table."},
                    {"label": "B", "stance": "It takes nine days to move the table."},
                ],
            }
        ],
        "unique_insights": [
            {"label": "B", "insight": "Old replicas must be stopped first."},
            {"label": "A", "insight": "Its backups are kept in another town."},
            {"label": "?", "insight": "Nobody says this."},
        ],
    }
    texts = {
        "ada": "It takes two days to move the table. Keep its backups in another town.",
        "bea": "It takes nine days to move the table. Stop old replicas first.",
    }
    fused = "It takes two days to move the table, so plan ahead. Keep its backups in another town."
    dropped = trace(fused, texts, points_of(verdict)).dropped
    assert [(point.kind, point.holder, point.text) for point in dropped] == [
        ("contradiction", "bea", "It takes nine days to move the table."),
        ("insight", "bea", "Old replicas must be stopped first."),
    ]
    picked = trace(texts["bea"], texts, points_of(verdict)).dropped
    assert [point.holder for point in picked] == ["ada", "ada"]
    assert points_of(None) == points_of({"candidates": []}) == []


@pytest.mark.parametrize("piece", ["a, b ", "不是二"])
def test_texts_of_a_megabyte_are_looked_at_in_bounded_time(piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000]
    began = time.thread_time()
    found = trace(f"x {text} y", dict.fromkeys(range(2), text))
    # A few seconds at most even on a busy machine; without its bounds it is minutes.
    assert time.thread_time() - began < 8
    assert found.is_clipped
    assert all(each.offset + each.length <= MOST_CHARS for each in found.carried)


PIECES = st.sampled_from(
    [
        "It is so",
        "not",
        "3",
        " days",
        ". ",
        "! ",
        "\n",
        "\n\n",
        "```\n",
        "- ",
        "| a | b |\n",
        "$$\n",
        "`",
        "**",
        "> ",
        "。",
        "不是",
        "# ",
        "e.g. ",
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=25).map("".join)


@given(TEXTS)
def test_sentences_follow_each_other_and_leave_nothing_out(text: str) -> None:
    found = sentences(text)
    ends = [0, *(sentence.end for sentence in found)]
    assert all(end <= s.offset < s.end <= len(text) for end, s in zip(ends, found, strict=False))
    between = "".join(text[a:b] for a, b in zip(ends, [*(s.offset for s in found), len(text)], strict=True))
    if "`" not in text and "~" not in text:  # behind a fence stands the name of its language
        assert not any(c.isalpha() for c in between)
    for sentence in found:
        parts = clauses(text, sentence)
        assert all(sentence.offset <= p.offset < p.end <= sentence.end for p in parts)


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_whatever_is_found_lies_inside_the_texts(fused: str, texts: list[str]) -> None:
    said = dict(enumerate(texts))
    found = trace(fused, said, [Point("insight", "", fused, 0)])
    for each in found.carried:
        assert 0 <= each.offset < each.offset + each.length <= len(fused)
        for key, place in each.carriers:
            assert 0 <= place.offset < place.offset + place.length <= len(said[key])
            assert 0 < place.score <= 1
    assert {(e.offset, e.length) for e in found.carried} >= set(found.own)


@given(TEXTS.filter(str.strip), st.text(max_size=20))
def test_what_stands_in_a_text_is_carried_by_it(text: str, after: str) -> None:
    found = trace(text, {"ada": f"{text}\n\n{after}"})
    assert all(each.carriers for each in found.carried)
