"""Text as it grows: whole characters, nothing of a stop string, nothing lost."""

from __future__ import annotations

import itertools

import pytest

from fusion_site.compact.textstream import TextStream

TEXT = "aß東👩‍🚀é"


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_characters_are_never_split(size: int) -> None:
    stream = TextStream()
    data = TEXT.encode()
    parts = [stream.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert "".join(parts) + stream.finish() == TEXT
    assert all("\ufffd" not in part for part in parts)


@pytest.mark.parametrize("length", range(len(TEXT.encode()) + 1))
def test_half_a_character_at_the_end_is_dropped(length: int) -> None:
    stream = TextStream()
    text = stream.feed(TEXT.encode()[:length]) + stream.finish()
    assert TEXT.startswith(text)
    assert len(text.encode()) > length - 4


def test_bytes_that_are_no_text_show_as_replacement() -> None:
    stream = TextStream()
    assert stream.feed(b"a\xffb") + stream.finish() == "a\ufffdb"


def pieces_of(text: str) -> list[list[str]]:
    """Every way to cut `text` in pieces."""
    cuts = itertools.chain.from_iterable(
        itertools.combinations(range(1, len(text)), count) for count in range(len(text))
    )
    return [[text[a:b] for a, b in itertools.pairwise([0, *cut, len(text)])] for cut in cuts]


def test_a_stop_string_is_found_across_any_borders() -> None:
    for pieces in pieces_of("ab12STOPcd"):
        stream = TextStream(["STOP"])
        shown = ""
        for piece in pieces:
            shown += stream.feed(piece.encode())
            assert "ab12".startswith(shown)
        assert (shown + stream.finish(), stream.stopped) == ("ab12", True)


def test_what_only_looks_like_a_stop_string_comes_late_but_comes() -> None:
    stream = TextStream(["STOP", "SToo"])
    assert [stream.feed(part) for part in (b"x ST", b"O", b"Y", b" S")] == ["x ", "", "STOY", " "]
    assert (stream.finish(), stream.stopped) == ("S", False)


def test_the_earliest_of_several_stop_strings_ends_the_text() -> None:
    stream = TextStream(["cd", "b"])
    assert stream.feed(b"abcd") == "a"
    assert (stream.feed(b"more"), stream.finish()) == ("", "")
