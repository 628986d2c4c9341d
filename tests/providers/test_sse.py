"""The event reader: the grammar, its tolerances and its caps."""

from __future__ import annotations

import pytest

from fusion_site.providers.sse import EventReader, TooLong


def read(*pieces: bytes) -> list[tuple[str, bytes]]:
    reader = EventReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.end()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_each_line_end_of_the_grammar_splits_lines(line_end: bytes) -> None:
    stream = b"data: a\n\ndata: b\n\n".replace(b"\n", line_end)
    assert read(stream) == [("message", b"a"), ("message", b"b")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_cut_at_any_byte_reads_the_same(line_end: bytes) -> None:
    stream = b': hi\n\nevent: error\ndata: {"a":1}\ndata: x\n\ndata:b\n\ndata: \xe2\x80\xa8\n\n'
    stream = stream.replace(b"\n", line_end)
    whole = read(stream)
    assert whole == [("error", b'{"a":1}\nx'), ("message", b"b"), ("message", "\u2028".encode())]
    for cut in range(len(stream) + 1):
        assert read(stream[:cut], stream[cut:]) == whole
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == whole


@pytest.mark.parametrize(
    "stream",
    [
        b"data: a\n\ndata: b\n\ndata: c\n\n",
        b"data: a\n\n\n\ndata: b\n\n",
        b"data: a\ndata: b\n\ndata: c\n\n",
        b"data: a\n\ndata:b\n\ndata: c\n\n",
        b"data: \n\ndata: a\n\ndata: \n\n",
        b"data: a\n\n: hi\n\ndata: b\n\n",
        b"data: a\n\nevent: error\n\ndata: b\n\n",
        b"data: a\n\nevent: error\ndata: b\n\ndata: c\n\n",
        b"data: a\n\ndata: b\n",
        b"data: data: a\n\ndata: b\r\n\r\ndata: c\n\n",
        b"data: a\rdata: b\n\ndata: c\n\n",
    ],
)
def test_the_short_way_of_reading_reads_what_the_long_way_reads(stream: bytes) -> None:
    """Byte by byte, every line is read by the grammar; in larger pieces, plain events are cut out at once."""
    slowly = read(*(stream[i : i + 1] for i in range(len(stream))))
    assert slowly
    for cut in range(len(stream)):
        assert read(stream[:cut], stream[cut:]) == slowly


def test_unicode_line_separators_do_not_split_lines() -> None:
    data = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode()
    assert read(b"data: " + data + b"\n\n") == [("message", data)]


def test_comments_unknown_fields_and_bare_field_names_say_nothing() -> None:
    stream = b": OPENROUTER PROCESSING\n\nid: 1\nretry: 5\nfoo: bar\nfoo\ndata: a\n\n"
    assert read(stream) == [("message", b"a")]


def test_only_one_space_after_the_colon_is_taken_off() -> None:
    assert read(b"data:  a\n\ndata:b\n\n") == [("message", b" a"), ("message", b"b")]


def test_an_event_name_lasts_for_one_event() -> None:
    assert read(b"event: error\ndata: a\n\ndata: b\n\n") == [("error", b"a"), ("message", b"b")]
    assert read(b"event: error\n\ndata: b\n\n") == [("message", b"b")]


def test_the_name_error_used_as_a_field_is_an_error_event() -> None:
    assert read(b'error: {"code":500}\n\n') == [("error", b'{"code":500}')]


@pytest.mark.parametrize("stream", [b"data: a", b"data: a\n", b"data: a\r"])
def test_the_last_event_needs_no_blank_line(stream: bytes) -> None:
    assert read(stream) == [("message", b"a")]


def test_a_line_over_its_cap_is_refused_before_it_is_whole() -> None:
    reader = EventReader(line_cap=100)
    reader.feed(b"data: " + b"x" * 90)
    with pytest.raises(TooLong):
        reader.feed(b"x" * 50)


def test_an_event_of_many_lines_is_capped_too() -> None:
    reader = EventReader(line_cap=100, event_cap=150)
    with pytest.raises(TooLong):
        reader.feed((b"data: " + b"x" * 60 + b"\n") * 3)


def test_the_event_cap_counts_each_event_for_itself() -> None:
    reader = EventReader(line_cap=100, event_cap=150)
    assert len(reader.feed((b"data: " + b"x" * 60 + b"\n\n") * 30)) == 30
