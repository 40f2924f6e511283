"""A list cut into pieces, so that a change compresses two of them and no others.

Items (small applications whole, of large ones runs of instances) are grouped into pieces of some
20 kB. Each piece is compressed with the piece before it as window, so it is good as long as
these two are the same. Where pieces begin is remembered: an item that comes, goes or grows moves
the ends of its own piece and perhaps of the next, and all others stay.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from itertools import count, pairwise
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

_REPACKED_SHARE: Final = 128
"""Of so many pieces one is compressed again densely whenever a list is made."""

_NUMBERS: Final = count(1)


class Item(msgspec.Struct, frozen=True, eq=False):
    """What is never cut: a run of instances of one application.

    `name` is the application's and that of the first instance; no other item has it. `head` and
    `tail` are those of the application where it begins or ends, else empty. Between instances, and
    between items, stands the list's separator.
    """

    name: tuple[str, str]
    head: bytes
    encoded: Sequence[bytes]
    tail: bytes
    size: int


class _Piece(msgspec.Struct, eq=False):
    """Items in a row; `after` is the number of the piece that `segment` was compressed behind."""

    items: list[Item]
    text_before: bytes
    size: int
    number: int = msgspec.field(default_factory=lambda: next(_NUMBERS))
    after: int = 0
    segment: Segment | None = None

    def holds(self, other: _Piece) -> bool:
        """Whether it is of the very items of the other one, and so of its text."""
        return self.items == other.items and self.text_before == other.text_before


class Budget:
    """How many bytes of text may be compressed densely now; the rest is compressed fast.

    So a list of any size takes its maker a bounded time, and is small soon.
    """

    def __init__(self) -> None:
        self._left = float(DENSE_BURST_BYTES)
        self._at_ms = 0

    def take(self, size: int, now_ms: int) -> bool:
        """Take so many bytes; false, and nothing is taken, when there are not as many."""
        gained = max(0, now_ms - self._at_ms) * DENSE_BYTES_PER_S / 1000
        self._left = min(float(DENSE_BURST_BYTES), self._left + gained)
        self._at_ms = now_ms
        if self._left < size:
            return False
        self._left -= size
        return True


class Pieces:
    """The pieces of one list as they were last made."""

    def __init__(self, separator: bytes) -> None:
        """Keep nothing yet; the separator stands between two items."""
        self._separator = separator
        self._items: list[Item] = []
        self._pieces: list[_Piece] = []
        self._sums: dict[tuple[int, ...], Checksum] = {}

    def gzip(
        self, frame: tuple[bytes, bytes], items: list[Item], budget: Budget, now_ms: int
    ) -> bytes:
        """The whole list as one gzip member.

        Args:
            frame: what stands before and behind the items.
            items: all of them in order.
            budget: what may be compressed densely.
            now_ms: the present moment.
        """
        self._pieces = self._replaced(items) or self._arranged(items)
        self._items = items
        self._compress(budget, now_ms)
        head, tail = map(compress, frame)
        middle = [piece.segment.deflated for piece in self._pieces if piece.segment]
        checksum = total((head.checksum, *self._checksums(), tail.checksum))
        return member([head.deflated, *middle, tail.deflated], checksum)

    # -- How

    def _replaced(self, items: Sequence[Item]) -> list[_Piece] | None:
        """The pieces, where items of other text only took the places of those of the same names.

        `None` where items came, went, or a piece has grown too large: then all is arranged anew.
        """
        if len(items) != len(self._items):
            return None
        both = enumerate(zip(items, self._items, strict=True))
        changed = [at for at, (new, old) in both if new is not old]
        if any(items[at].name != self._items[at].name for at in changed):
            return None
        pieces, start = list(self._pieces), 0
        places = iter((*changed, len(items)))
        place = next(places)
        for number, piece in enumerate(pieces):
            end = start + len(piece.items)
            if place < end:
                pieces[number] = again = self._piece(items, start, end)
                if again.size > MOST_BYTES:
                    return None
                while place < end:
                    place = next(places)
            start = end
        return pieces

    def _arranged(self, items: Sequence[Item]) -> list[_Piece]:
        """Pieces of these items; those that are as before are the same objects."""
        before = {piece.items[0].name: piece for piece in self._pieces}
        arranged = []
        names, sizes = [item.name for item in items], [item.size for item in items]
        for start, end in runs(names, sizes, before.keys()):
            piece, again = before.get(names[start]), self._piece(items, start, end)
            arranged.append(piece if piece is not None and piece.holds(again) else again)
        return arranged

    def _piece(self, items: Sequence[Item], start: int, end: int) -> _Piece:
        group = list(items[start:end])
        return _Piece(group, self._separator if start else b"", sum(item.size for item in group))

    def _compress(self, budget: Budget, now_ms: int) -> None:
        """Compress what is not good any more, then some of what was compressed fast."""
        waiting = []
        last: _Piece | None = None
        for piece in self._pieces:
            if piece.segment is None or piece.after != (last.number if last else 0):
                self._pack(piece, last, dense=budget.take(piece.size, now_ms))
            elif not piece.segment.is_dense:
                waiting.append((piece, last))
            last = piece
        for piece, previous in waiting[: len(self._pieces) // _REPACKED_SHARE + 1]:
            if budget.take(piece.size, now_ms):
                self._pack(piece, previous, dense=True)

    def _pack(self, piece: _Piece, last: _Piece | None, *, dense: bool) -> None:
        window = self._text(last) if last else b""
        piece.segment = compress(self._text(piece), window, dense=dense)
        piece.after = last.number if last else 0

    def _text(self, piece: _Piece) -> bytes:
        return piece.text_before + plain(piece.items, self._separator)

    def _checksums(self) -> Iterator[Checksum]:
        """Checksums of the pieces, some together at a time."""
        sums, self._sums = self._sums, {}
        for at in range(0, len(self._pieces), _SUMMED_TOGETHER):
            group = self._pieces[at : at + _SUMMED_TOGETHER]
            key = tuple([piece.number for piece in group])
            checksum = sums.get(key)
            if checksum is None:
                checksum = total(piece.segment.checksum for piece in group if piece.segment)
            self._sums[key] = checksum
            yield checksum


def plain(items: Iterable[Item], separator: bytes) -> bytes:
    """The text of items in a row."""
    return separator.join(
        [b"".join((item.head, separator.join(item.encoded), item.tail)) for item in items]
    )


def runs(
    names: Sequence[Hashable], sizes: Sequence[int], starts: Set[Hashable]
) -> list[tuple[int, int]]:
    """Cut a row into runs, from where to where, that begin at the names in `starts` if they can.

    Runs that are too large are cut, too small ones joined, so that neighbours of a run that did not
    change mostly stay: given its own starts, the result is the same again.
    """
    begins = [at for at, name in enumerate(names) if name in starts or not at]
    cut: list[tuple[int, int, int]] = []
    for start, end in pairwise((*begins, len(names))):
        cut += _cut(sizes, start, end)
    return [(start, end) for start, end, _ in _joined(cut)]


def _cut(sizes: Sequence[int], start: int, end: int) -> list[tuple[int, int, int]]:
    """A run as it is, or in several if it is too large: from where to where, and its size."""
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
