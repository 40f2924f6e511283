"""Compressed pieces, joined, are one gzip member that everybody reads."""

from __future__ import annotations

import gzip
import random
import zlib
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from eureka_registry.wire.segments import Segment, compress, join

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


@given(texts=TEXTS, order=st.randoms(use_true_random=False), dense=st.booleans())
def test_pieces_without_a_window_may_stand_in_any_order(
    texts: list[bytes], order: Random, *, dense: bool
) -> None:
    """None refers back to another."""
    pieces = [(text, compress(text, dense=dense)) for text in texts]
    order.shuffle(pieces)

    assert gzip.decompress(join(p for _, p in pieces)) == b"".join(text for text, _ in pieces)


@given(texts=TEXTS, dense=st.lists(st.booleans(), min_size=8, max_size=8))
def test_a_piece_may_refer_to_the_text_before_it(texts: list[bytes], dense: list[bool]) -> None:
    """Whichever way each of them was compressed."""
    whole, pieces = b"", []
    for text, is_dense in zip(texts, dense, strict=False):
        pieces.append(compress(text, whole, dense=is_dense))
        whole += text

    assert gzip.decompress(join(pieces)) == whole
    assert isal_zlib.decompress(join(pieces), 31) == whole


def test_it_can_be_read_as_it_comes() -> None:
    """Readers of a stream show what came, also where a piece begins: `Z_SYNC_FLUSH` ends each."""
    texts = [b"instance-%d " % number * 9 for number in range(50)]
    whole, pieces = b"", list[Segment]()
    for text in texts:
        pieces.append(compress(text, whole, dense=len(pieces) % 2 == 0))
        whole += text
    packed, reader, shown = join(pieces), zlib.decompressobj(wbits=31), b""
    at = len(packed) - sum(len(piece.deflated) for piece in pieces) - 10  # header 10, trailer 10

    assert at == 10
    shown = reader.decompress(packed[:at])
    for text, piece in zip(texts, pieces, strict=True):
        came = reader.decompress(packed[at : at + len(piece.deflated)])
        assert came == text
        shown, at = shown + came, at + len(piece.deflated)
    assert shown == whole


def test_a_window_makes_a_piece_smaller() -> None:
    """What an application has in common with the one before it is not stored twice."""
    text = random.Random(1).randbytes(5000)  # noqa: S311 - any text will do

    assert [len(compress(text, text, dense=dense).deflated) < 500 for dense in (False, True)] == [
        True,
        True,
    ]


def test_dense_pieces_are_smaller() -> None:
    """They take three times as long; unless asked for, a piece is fast."""
    text = b"".join(b'{"instanceId":"orders-%d","port":%d}' % (n * n, n % 7) for n in range(500))
    fast, dense = compress(text), compress(text, dense=True)

    assert (fast.is_dense, dense.is_dense) == (False, True)
    assert len(dense.deflated) < len(fast.deflated)


def test_a_piece_knows_its_text() -> None:
    """Size and checksum are those of the plain text."""
    assert compress(b"hello").checksum == (zlib.crc32(b"hello"), 5)


def test_repetition_is_compressed() -> None:
    """What the whole thing is for."""
    assert len(join([compress(b"instance" * 10_000)])) < 2000
