"""An encoded list of applications; unchanged parts are not encoded again.

Of each application the documents and what they were encoded to are kept. An application is good as
long as its version is, an encoded document as long as the document is the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain, compress, count
from operator import attrgetter, ne
from typing import Final, Protocol, TypeVar

import msgspec

from eureka_registry.core.model import Instance
from eureka_registry.wire.codecs import Codec, Frame
from eureka_registry.wire.pieces import MOST_BYTES, Budget, Item, Pieces, plain, runs


class Versioned(Protocol):
    """Something with a version."""

    @property
    def version(self) -> int:
        """Changes with every visible change."""


V = TypeVar("V", bound=Versioned)


class _Part(msgspec.Struct, eq=False):
    """One application, encoded: documents, and in the same order what they were encoded to."""

    instances: list[Instance]
    encoded: list[bytes]
    items: list[Item]


_NOTHING: Final = _Part([], [], [])
_ITEMS: Final = attrgetter("items")
_VERSION: Final = attrgetter("version")


class EncodedList:
    """A list in one form as it was last made; `encode` writes one of its documents."""

    def __init__(self, codec: Codec, encode: Callable[[Instance], bytes]) -> None:
        self._codec = codec
        self._encode = encode
        self._names: list[str] = []
        self._versions: list[Hashable] = []
        self._parts: list[_Part] = []
        self._pieces = Pieces(codec.separator)

    def refresh(
        self,
        sources: Sequence[Mapping[str, V]],
        documents: Callable[[Sequence[V]], Sequence[Instance]],
        most: int,
    ) -> bool:
        """Encode what changed, or a part of it; the next call continues.

        Args:
            sources: applications by name, the same sources every time.
            documents: the documents of one application, from each source that has it.
            most: documents that are encoded at most.

        Returns:
            Whether everything is encoded. Else the list must not be read yet.
        """
        names = list(sources[0] if len(sources) == 1 else dict.fromkeys(chain(*sources)))
        versions = _versions(sources, names)
        if names == self._names:
            parts = self._parts
        else:
            known = dict(
                zip(self._names, zip(self._versions, self._parts, strict=True), strict=True)
            )
            both = [known.get(name, (None, _NOTHING)) for name in names]
            self._versions, parts = [one[0] for one in both], [one[1] for one in both]
        left = most
        for at in list(compress(count(), map(ne, versions, self._versions))):
            held = [source[names[at]] for source in sources if names[at] in source]
            left, parts[at] = self._part(names[at], documents(held), parts[at], left)
            if left < 0:
                versions[at:] = self._versions[at:]
                break
        self._names, self._versions, self._parts = names, versions, parts
        return left >= 0

    def plain(self, frame: Frame) -> bytes:
        """The whole list within a frame."""
        return b"".join((frame[0], plain(self._items(), self._codec.separator), frame[1]))

    def gzip(self, frame: Frame, budget: Budget, now_ms: int) -> bytes:
        """The whole list within a frame as one gzip member."""
        return self._pieces.gzip(frame, self._items(), budget, now_ms)

    # -- How

    def _items(self) -> list[Item]:
        return list(chain.from_iterable(map(_ITEMS, self._parts)))

    def _part(
        self, name: str, instances: Sequence[Instance], before: _Part, left: int
    ) -> tuple[int, _Part]:
        """An application with these documents; encodings that are still valid are reused.

        Returns:
            How many documents may still be encoded, and the application. If the number is negative,
            some are missing; the next call continues.
        """
        common = min(len(instances), len(before.instances))
        both = zip(instances, before.instances, strict=False)
        moved = [at for at, (new, old) in enumerate(both) if new is not old]
        spare = {
            id(before.instances[at]): before.encoded[at]
            for at in (*moved, *range(common, len(before.instances)))
        }
        part = _Part(before.instances[:common], before.encoded[:common], before.items)
        for at in (*moved, *range(common, len(instances))):
            encoded = spare.get(id(instances[at]))
            if encoded is None:
                left -= 1
                if left < 0:
                    return left, part
                encoded = self._encode(instances[at])
            part.instances[at : at + 1] = [instances[at]]
            part.encoded[at : at + 1] = [encoded]
        part.items = _items(name, part, self._codec.application(name), before.items)
        return left, part


def _versions(sources: Sequence[Mapping[str, V]], names: Sequence[str]) -> list[Hashable]:
    """The version of each application; versions of two sources cannot be compared."""
    if len(sources) == 1:
        return list(map(_VERSION, sources[0].values()))
    return [
        tuple([source[name].version if name in source else None for source in sources])
        for name in names
    ]


def _items(name: str, part: _Part, frame: Frame, before: Sequence[Item]) -> list[Item]:
    """A small application as one item, else runs of instances; unchanged items are reused."""
    head, tail = frame
    sizes = list(map(len, part.encoded))
    size = len(head) + sum(sizes) + len(sizes) + len(tail)
    if size <= MOST_BYTES:
        return [Item((name, ""), head, part.encoded, tail, size)]
    names = [instance.instance_id or instance.host_name for instance in part.instances]
    old = {item.name: item for item in before}
    items = []
    for start, end in runs(names, sizes, {item.name[1] for item in before}):
        begin, close = head if start == 0 else b"", tail if end == len(names) else b""
        item = old.get((name, names[start]))
        encoded = part.encoded[start:end]
        if item is None or (item.head, item.encoded, item.tail) != (begin, encoded, close):
            item = Item((name, names[start]), begin, encoded, close, sum(sizes[start:end]))
        items.append(item)
    return items
