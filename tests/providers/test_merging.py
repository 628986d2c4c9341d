"""Chunks that are merged are the same body; whatever is not plainly a short chunk is handed on as it came."""

from __future__ import annotations

import random

import h11
import pytest

from fusion_site.providers.merging import ChunkMerger

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
END = b"0\r\n\r\n"


def chunked(*parts: bytes) -> bytes:
    """Give parts as chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def cut(data: bytes, random_: random.Random) -> list[bytes]:
    """Cut data anywhere."""
    places = sorted(random_.randrange(len(data) + 1) for _ in range(random_.randrange(8)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def everything(merger: ChunkMerger) -> bytes:
    """Take all there is."""
    return merger.take(1 << 30) + merger.take(1 << 30)


def merged(pieces: list[bytes], *, flush: bool = True) -> list[bytes]:
    """Give what a merger makes of the pieces of one response."""
    merger = ChunkMerger()
    merger.begin()
    given = []
    for piece in pieces:
        merger.feed(piece)
        given.append(everything(merger))
    if flush:
        merger.flush()
        given.append(everything(merger))
    return given


def read(data: bytes) -> tuple[bytes, str]:
    """Read a response by h11: its body, and how it ended."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            return body, str(error)
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return body, "whole"


@pytest.mark.parametrize("seed", range(200))
def test_the_body_is_the_same_however_it_is_cut(seed: int) -> None:
    random_ = random.Random(seed)
    parts = [
        random_.randbytes(random_.choice([1, 2, 15, 16, 300, 20_000])) for _ in range(random_.randrange(1, 9))
    ]
    data = HEAD + chunked(*parts) + random_.choice([END, b"0\r\nX-Trailer: 1\r\n\r\n", b""])
    data = data[: len(data) - random_.choice([0, 0, 1, 7])]
    assert read(b"".join(merged(cut(data, random_)))) == read(data)


def test_chunks_that_came_together_become_one() -> None:
    given = merged([HEAD + chunked(b"a", b"b"), chunked(b"c", b"d") + b"3\r\ne", b"fg\r\n" + END])
    assert given == [HEAD + chunked(b"ab"), chunked(b"cd"), chunked(b"efg") + END, b""]


@pytest.mark.parametrize(
    "odd",
    [
        b"5;name=value\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"5\nhello\n",
        b"5\r\nhello!!",
        b"-5\r\nhello\r\n",
        b"zebra\r\n",
        b"ffffffffffff\r\nhello",
    ],
)
def test_what_is_no_plain_short_chunk_is_handed_on_as_it_came(odd: bytes) -> None:
    assert merged([HEAD + chunked(b"a") + odd + chunked(b"b", b"c")], flush=False) == [
        HEAD + chunked(b"a") + odd + chunked(b"b", b"c")
    ]
    assert b"".join(merged([HEAD, odd, b"later"], flush=False)) == HEAD + odd + b"later"


@pytest.mark.parametrize("head", [PLAIN, PLAIN.replace(b"\r\n", b"\n"), b"SSH-2.0-x\r\n", b"\x16\x03\x01"])
def test_other_bodies_are_not_looked_at(head: bytes) -> None:
    assert merged([head[:5], head[5:] + b"1\r\na\r\n", b"1\r\nb\r\n"], flush=False)[1:] == [
        head[0 if head[:5] == b"HTTP/" else 5 :] + b"1\r\na\r\n",
        b"1\r\nb\r\n",
    ]


def test_a_head_that_never_ends_is_not_kept_for_ever() -> None:
    piece = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000
    assert merged([piece[:100], piece[100:]], flush=False) == [b"", piece]


def test_heads_before_the_head_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert merged([early, HEAD[:9], HEAD[9:] + chunked(b"a", b"b")], flush=False) == [
        early,
        b"",
        HEAD + chunked(b"ab"),
    ]


def test_the_next_response_of_the_connection_is_read_anew() -> None:
    merger = ChunkMerger()
    for _ in range(2):
        merger.begin()
        merger.feed(HEAD + chunked(b"a", b"b") + END)
        assert everything(merger) == HEAD + chunked(b"ab") + END
    merger.begin()
    merger.feed(PLAIN + b"1\r\na\r\n1\r\nb\r\n")
    assert everything(merger) == PLAIN + b"1\r\na\r\n1\r\nb\r\n"


def test_chunks_that_came_one_by_one_become_one_when_they_are_taken() -> None:
    merger = ChunkMerger()
    merger.begin()
    for piece in (HEAD, *(chunked(letter) for letter in (b"a", b"b", b"c"))):
        merger.feed(piece)
    assert len(merger) == len(HEAD) + 3
    assert merger.take(len(HEAD)) + merger.take(1000) == HEAD + chunked(b"abc")
    assert len(merger) == 0
    merger.feed(chunked(b"d"))
    assert (merger.has_content_only, merger.content(), len(merger)) == (True, b"d", 0)
    merger.feed(chunked(b"e") + END)
    assert (merger.has_content_only, merger.take(1000)) == (False, chunked(b"e") + END)


def test_a_long_chunk_is_not_waited_for() -> None:
    half = b"8000\r\n" + b"x" * 0x4000
    assert merged([HEAD + chunked(b"a", b"b") + half], flush=False) == [HEAD + chunked(b"ab") + half]
