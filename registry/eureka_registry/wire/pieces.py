"""Cuts a list into pieces, so that a change compresses only two of them.

Items (small applications whole, of large ones runs of instances) are grouped into pieces of some
20 kB. Each piece is compressed with the piece before it as window, so it is good as long as
these two are the same. Where pieces begin is remembered: an item that comes, goes or grows moves
the ends of its own piece and perhaps of the next, and all others stay.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from itertools import count, pairwise
from operator import is_not
from typing import Final

import msgspec

from eureka_registry.core.limits import DENSE_BURST_BYTES, DENSE_BYTES_PER_S
from eureka_registry.wire.segments import Checksum, Segment, compress, member, total

AIM_BYTES: Final = 20_000
"""A piece is closed when it has so much text: more makes a change dearer, less compresses worse."""

MOST_BYTES: Final = 2 * AIM_BYTES
"""A piece that grew beyond this is cut."""

LEAST_BYTES: Final = AIM_BYTES // 4
"""A piece that shrank below this joins its neighbour, if both together are not too large."""

_SUMMED_TOGETHER: Final = 24
"""Pieces whose checksum is kept as one: combining two takes 0.7 us, of 500 pieces half a
millisecond."""

RESTED_MS: Final = 1_000
"""Time for which a piece must stay unchanged before it is compressed densely."""

_REPACKED_SHARE: Final = 128
"""Of so many pieces one is compressed again densely whenever a list is made."""

_NUMBERS: Final = count(1)


class Item(msgspec.Struct, frozen=True, eq=False):
    """A run of instances of one application, which is never cut.

    `name` is the application's and that of the first instance; no other item has it. `head` and
    `tail` are the application's if it begins or ends here, else empty. The list's separator is
    between instances and between items.
    """

    name: tuple[str, str]
    head: bytes
    encoded: Sequence[bytes]
    tail: bytes
    size: int


class _Piece(msgspec.Struct, eq=False):
    """Items in a row; `after` is the number of the piece that `segment` was compressed behind.

    `packed_ms` is when that was.
    """

    items: list[Item]
    text_before: bytes
    size: int
    number: int = msgspec.field(default_factory=lambda: next(_NUMBERS))
    after: int = 0
    segment: Segment | None = None
    packed_ms: int = 0

    def holds(self, other: _Piece) -> bool:
        """Whether it has the same items as the other one, and so the same text."""
        return self.items == other.items and self.text_before == other.text_before


class Budget:
    """How many bytes of text may be compressed densely now; the rest is compressed fast.

    So making a list takes a bounded time whatever its size, and the list becomes small soon.
    """

    def __init__(self) -> None:
        self._left = float(DENSE_BURST_BYTES)
        self._at_ms = 0

    def take(self, size: int, now_ms: int) -> bool:
        """Take so many bytes; false if there are not enough, and then nothing is taken."""
        gained = max(0, now_ms - self._at_ms) * DENSE_BYTES_PER_S / 1000
        self._left = min(float(DENSE_BURST_BYTES), self._left + gained)
        self._at_ms = now_ms
        if self._left < size:
            return False
        self._left -= size
        return True


class Pieces:
    """The pieces of a list as they were last made.

    A list has some hundred pieces; a change affects two of them, and only these are made again.
    """

    def __init__(self, separator: bytes) -> None:
        """Begin without pieces; the separator stands between two items."""
        self._separator = separator
        self._items: list[Item] = []
        self._pieces: list[_Piece] = []
        self._starts: list[int] = []
        """Where each piece begins among the items."""
        self._deflated: list[bytes] = []
        """Each piece compressed."""
        self._fast: set[int] = set()
        """Where the pieces are that are compressed fast."""
        self._sums: dict[int, Checksum] = {}
        """Checksums of `_SUMMED_TOGETHER` pieces each."""

    def gzip(
        self, frame: tuple[bytes, bytes], items: list[Item], budget: Budget, now_ms: int
    ) -> bytes:
        """The whole list as one gzip member.

        Args:
            frame: what stands before and behind the items.
            items: all of them in order.
            budget: how much may be compressed densely.
            now_ms: the present moment.
        """
        is_first = not self._pieces
        outdated = self._replace(items)
        if outdated is None:
            outdated = self._arrange(items)
        self._items = items
        for at in outdated:
            dense = is_first and budget.take(self._pieces[at].size, now_ms)
            self._pack(at, now_ms, dense=dense)
        self._pack_densely(budget, now_ms)
        head, tail = map(compress, frame)
        checksum = total((head.checksum, *self._checksums(), tail.checksum))
        return member([head.deflated, *self._deflated, tail.deflated], checksum)

    # -- How

    def _replace(self, items: Sequence[Item]) -> Sequence[int] | None:
        """Put changed items in the places of those with the same names.

        Returns:
            The places of pieces to compress, in order.

            `None` if items came or went, or if a piece has grown too large: then nothing is
            replaced, and all must be arranged anew.
        """
        if len(items) != len(self._items):
            return None
        changed = list(itertools.compress(count(), map(is_not, items, self._items)))
        if any(items[at].name != self._items[at].name for at in changed):
            return None
        places = dict.fromkeys(bisect_right(self._starts, at) - 1 for at in changed)
        again = {place: self._piece(items, *self._reach(place)) for place in places}
        if any(piece.size > MOST_BYTES for piece in again.values()):
            return None
        for place, piece in again.items():
            self._pieces[place] = piece
        nearby = {*places, *(place + 1 for place in places)} - {len(self._pieces)}
        return [place for place in sorted(nearby) if self._is_outdated(place)]

    def _arrange(self, items: Sequence[Item]) -> Sequence[int]:
        """Cut items into pieces; unchanged pieces stay the same objects.

        Returns:
            The places of pieces to compress, in order.
        """
        before = self._pieces
        known = {piece.items[0].name: piece for piece in before}
        names, sizes = [item.name for item in items], [item.size for item in items]
        cut = runs(names, sizes, known.keys())
        self._pieces = []
        for start, end in cut:
            piece, again = known.get(names[start]), self._piece(items, start, end)
            self._pieces.append(piece if piece is not None and piece.holds(again) else again)
        self._starts = [start for start, _ in cut]
        segments = [piece.segment for piece in self._pieces]
        self._deflated = [segment.deflated if segment else b"" for segment in segments]
        self._fast = {at for at, each in enumerate(segments) if each and not each.is_dense}
        self._sums = {
            group: checksum
            for group, checksum in self._sums.items()
            if _of_group(group, before) == _of_group(group, self._pieces)
        }
        return [place for place in range(len(cut)) if self._is_outdated(place)]

    def _piece(self, items: Sequence[Item], start: int, end: int) -> _Piece:
        group = list(items[start:end])
        return _Piece(group, self._separator if start else b"", sum(item.size for item in group))

    def _reach(self, place: int) -> tuple[int, int]:
        """The first and the end position of a piece among the items."""
        is_last = place + 1 == len(self._starts)
        return self._starts[place], len(self._items) if is_last else self._starts[place + 1]

    def _is_outdated(self, place: int) -> bool:
        """Whether a piece is not compressed yet, or its predecessor has changed."""
        piece = self._pieces[place]
        return piece.segment is None or piece.after != (
            self._pieces[place - 1].number if place else 0
        )

    def _pack_densely(self, budget: Budget, now_ms: int) -> None:
        """Compress densely some pieces that were compressed fast and have not changed for a while.

        Pieces that change all the time need not be small, and a request for a change should not
        wait for more.
        """
        rested = (at for at in self._fast if now_ms - self._pieces[at].packed_ms >= RESTED_MS)
        for at in list(itertools.islice(rested, len(self._pieces) // _REPACKED_SHARE + 1)):
            if budget.take(self._pieces[at].size, now_ms):
                self._pack(at, now_ms, dense=True)

    def _pack(self, place: int, now_ms: int, *, dense: bool) -> None:
        piece = self._pieces[place]
        last = self._pieces[place - 1] if place else None
        window = self._text(last) if last else b""
        piece.segment = compress(self._text(piece), window, dense=dense)
        piece.after = last.number if last else 0
        piece.packed_ms = now_ms
        self._deflated[place] = piece.segment.deflated
        self._sums.pop(place // _SUMMED_TOGETHER, None)
        if piece.segment.is_dense:
            self._fast.discard(place)
        else:
            self._fast.add(place)

    def _text(self, piece: _Piece) -> bytes:
        return piece.text_before + plain(piece.items, self._separator)

    def _checksums(self) -> Iterator[Checksum]:
        """Checksums of groups of pieces."""
        for group in range(-(-len(self._pieces) // _SUMMED_TOGETHER)):
            checksum = self._sums.get(group)
            if checksum is None:
                segments = [piece.segment for piece in _of_group(group, self._pieces)]
                checksum = self._sums[group] = total(each.checksum for each in segments if each)
            yield checksum


def _of_group(group: int, pieces: Sequence[_Piece]) -> Sequence[_Piece]:
    """The pieces whose checksums are kept as one."""
    return pieces[group * _SUMMED_TOGETHER : (group + 1) * _SUMMED_TOGETHER]


def plain(items: Iterable[Item], separator: bytes) -> bytes:
    """The text of items in a row."""
    return separator.join(
        [b"".join((item.head, separator.join(item.encoded), item.tail)) for item in items]
    )


def runs(
    names: Sequence[Hashable], sizes: Sequence[int], starts: Set[Hashable]
) -> list[tuple[int, int]]:
    """Cut a row into runs (start, end) that begin at the names in `starts` where possible.

    Runs that are too large are cut, too small ones joined. With the starts of a former result the
    same runs come out, so pieces that did not change mostly stay.
    """
    begins = [at for at, name in enumerate(names) if name in starts or not at]
    cut: list[tuple[int, int, int]] = []
    for start, end in pairwise((*begins, len(names))):
        cut += _cut(sizes, start, end)
    return [(start, end) for start, end, _ in _joined(cut)]


def _cut(sizes: Sequence[int], start: int, end: int) -> list[tuple[int, int, int]]:
    """A run, or several if it is too large: each as start, end and size."""
    size = sum(sizes[start:end])
    if size <= MOST_BYTES:
        return [(start, end, size)]
    cut, size = [], 0
    for at in range(start, end):
        size += sizes[at]
        if size >= AIM_BYTES or at + 1 == end:
            cut.append((start, at + 1, size))
            start, size = at + 1, 0
    return cut


def _joined(cut: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    joined: list[tuple[int, int, int]] = []
    for start, end, size in cut:
        first, _, before = joined[-1] if joined else (0, 0, MOST_BYTES)
        if min(before, size) < LEAST_BYTES and before + size <= MOST_BYTES:
            joined[-1] = (first, end, before + size)
        else:
            joined.append((start, end, size))
    return joined
