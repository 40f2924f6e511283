"""Compressed pieces, joined, are one gzip member that everybody reads."""

from __future__ import annotations

import gzip
import zlib
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.wire.segments import compress, join

TEXTS = st.lists(st.binary(max_size=200) | st.sampled_from([b"", b",", b"ab" * 5000]), max_size=8)


@given(texts=TEXTS)
def test_joined_pieces_hold_all_texts(texts: list[bytes]) -> None:
    """The checksum is right, too: `gzip` refuses a wrong one."""
    packed = join(map(compress, texts))

    assert gzip.decompress(packed) == b"".join(texts)
    assert zlib.decompress(packed, wbits=31) == b"".join(texts)


def test_it_is_one_member_and_nothing_more() -> None:
    """Some readers stop after the first member."""
    reader = zlib.decompressobj(wbits=31)
    text = reader.decompress(join([compress(b"a"), compress(b"b")]))

    assert (text, reader.eof, reader.unused_data) == (b"ab", True, b"")


@given(texts=TEXTS, order=st.randoms(use_true_random=False))
def test_pieces_may_stand_in_any_order(texts: list[bytes], order: Random) -> None:
    """None refers back to another."""
    pieces = [(text, compress(text)) for text in texts]
    order.shuffle(pieces)

    assert gzip.decompress(join(p for _, p in pieces)) == b"".join(text for text, _ in pieces)


def test_a_piece_knows_its_text() -> None:
    """Size and checksum are those of the plain text."""
    piece = compress(b"hello")

    assert (piece.size, piece.crc) == (5, zlib.crc32(b"hello"))


def test_repetition_is_compressed() -> None:
    """What the whole thing is for."""
    assert len(join([compress(b"instance" * 10_000)])) < 2000
