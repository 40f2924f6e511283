"""Bodies of lists, joined from stored pieces, never stale.

Kept are the encoded form of each instance (`wire/lists.py`), and the compressed text in pieces
(`wire/pieces.py`). An encoded form is good as long as the document is the same object (they are
frozen), a piece as long as it and the one before it are the same. Nobody has to tell this module of
changes. One change costs encoding one instance, compressing two pieces, and joining.

Lists may be drawn from several registries: this one, and mirrors of other regions.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec
from isal.isal_zlib import crc32

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import Delta, sorted_changes
from eureka_registry.core.model import ActionType, Instance, Status
from eureka_registry.core.vips import VipGroup, VipIndex
from eureka_registry.wire.codecs import Codec, Frame, codec_for
from eureka_registry.wire.lists import EncodedList, Versioned
from eureka_registry.wire.negotiate import Form
from eureka_registry.wire.pieces import Budget
from eureka_registry.wire.segments import compress, join

FULL_VERSION: Final = "1"
"""`versions__delta` of a full document, as in Java."""

VIP_VERSION: Final = "-1"
"""`versions__delta` of the instances of one address, as in Java."""

_KEPT_BODIES: Final = 256
_KEPT_LISTS: Final = 24
"""Lists whose encoded instances are kept: full and delta in six forms, of two sets of registries.
Clients choose form and regions, so there could be very many."""


class Listed(Versioned, Protocol):
    """One application's documents."""

    def instances(self) -> Iterable[Instance]:
        """The documents."""


class Source(Protocol):
    """A source of lists: this peer's registry, or the mirror of another region."""

    @property
    def version(self) -> int:
        """Changes with every visible change."""

    @property
    def applications(self) -> Mapping[str, Listed]:
        """Applications by name."""

    @property
    def counts(self) -> Counter[Status]:
        """Instances by status."""

    @property
    def delta(self) -> Delta:
        """What changed lately."""

    @property
    def vips(self) -> VipIndex:
        """Instances by address."""


class Body(msgspec.Struct, frozen=True):
    """An encoded document. `tag` changes exactly when the document does."""

    content: bytes
    tag: str
    gzipped: bool


class Bodies:
    """The bodies that one peer serves."""

    def __init__(self, *, short_departures: bool = True, max_age_ms: int = 0) -> None:
        """Begin with an empty cache.

        Args:
            short_departures: whether departures carry only what clients read.
            max_age_ms: serve bodies up to this age even if they have changed; 0: never.
        """
        self._short_departures = short_departures
        self._max_age_ms = max_age_ms
        self._lists: OrderedDict[Hashable, EncodedList] = OrderedDict()
        self._budget = Budget()
        self._bodies: OrderedDict[Hashable, tuple[Hashable, int, Body]] = OrderedDict()

    def adopt(self, *, short_departures: bool, max_age_ms: int) -> None:
        """Take over other settings; pieces are kept if they would be the same."""
        if short_departures != self._short_departures:
            self._lists.clear()
            self._bodies.clear()
        self._short_departures = short_departures
        self._max_age_ms = max_age_ms

    def full_in_part(
        self, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool, most: int
    ) -> Body | None:
        """All applications of all sources (E1), if at most `most` documents have to be encoded.

        Else `most` of them are encoded, and the result is `None`: let other tasks run, and call
        again.
        """
        version = tuple(source.version for source in sources)

        def build() -> bytes | None:
            listed = self._full_list(sources, form, most)
            if listed is None:
                return None
            frame = codec_for(form).applications(FULL_VERSION, _hash_of(sources))
            return self._assemble(listed, frame, now_ms, gzip=gzip)

        return self._cached_body(("full", _key(sources), form, gzip), version, now_ms, build)

    def delta_in_part(
        self, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool, most: int
    ) -> Body | None:
        """Recent changes, with the hash of everything (E2); in parts as `full_in_part`."""
        for source in sources:
            source.delta.forget_old(now_ms)
        # Mirrors of other regions may change without a local change: the sum only ever grows.
        number = sum(source.delta.version for source in sources)

        def build() -> bytes | None:
            listed = self._delta_list(sources, form, most)
            if listed is None:
                return None
            frame = codec_for(form).applications(str(number), _hash_of(sources))
            return self._assemble(listed, frame, now_ms, gzip=gzip)

        return self._cached_body(("delta", _key(sources), form, gzip), number, now_ms, build)

    def application(
        self, sources: Sequence[Source], name: str, form: Form, now_ms: int, *, gzip: bool
    ) -> Body | None:
        """One application of the first source that has it (E3); `None` if none has."""
        place = next((i for i, s in enumerate(sources) if name in s.applications), None)
        if place is None:
            return None
        listed = sources[place].applications[name]
        codec = codec_for(form)

        def build() -> bytes:
            head, tail = codec.alone(name)
            text = head + codec.separator.join(map(codec.instance_alone, listed.instances())) + tail
            if not gzip:
                return text
            return join([compress(text, dense=self._budget.take(len(text), now_ms))])

        key = ("application", name, _key(sources), form, gzip)
        return _require_body(self._cached_body(key, (place, listed.version), now_ms, build))

    def vip(
        self, sources: Sequence[Source], name: str, form: Form, now_ms: int, *, secure: bool
    ) -> Body:
        """The instances of one address, of every status (E12, E13); perhaps none."""
        indexes = [source.vips.secure if secure else source.vips.plain for source in sources]
        groups = [index[name] for index in indexes if name in index]
        version = tuple(index[name].version if name in index else None for index in indexes)
        key = ("vip", secure, name, _key(sources), form)
        build = partial(_encode_group, codec_for(form), groups)
        return _require_body(self._cached_body(key, version, now_ms, build))

    # -- How

    def _cached_body(
        self, key: Hashable, version: Hashable, now_ms: int, build: Callable[[], bytes | None]
    ) -> Body | None:
        kept = self._bodies.get(key)
        if kept is not None and (kept[0] == version or now_ms - kept[1] < self._max_age_ms):
            self._bodies.move_to_end(key)
            return kept[2]
        content = build()
        if content is None:
            return None
        body = Body(content, _tag(key, version), gzipped=content[:2] == b"\x1f\x8b")
        self._bodies[key] = (version, now_ms, body)
        while len(self._bodies) > _KEPT_BODIES:
            self._bodies.popitem(last=False)
        return body

    def _full_list(self, sources: Sequence[Source], form: Form, most: int) -> EncodedList | None:
        codec = codec_for(form)
        listed = self._list(("full", _key(sources), form), codec, codec.instance)
        complete = listed.refresh(
            [source.applications for source in sources],
            lambda held: [instance for one in held for instance in one.instances()],
            most,
        )
        return listed if complete else None

    def _delta_list(self, sources: Sequence[Source], form: Form, most: int) -> EncodedList | None:
        codec = codec_for(form)
        departure = codec.departure if self._short_departures else codec.instance

        def encode(changed: Instance) -> bytes:
            is_gone = changed.action is ActionType.DELETED
            return departure(changed) if is_gone else codec.instance(changed)

        listed = self._list(("delta", _key(sources), form), codec, encode)
        complete = listed.refresh(
            [source.delta.applications for source in sources],
            lambda held: [change.instance for change in sorted_changes(held)],
            most,
        )
        return listed if complete else None

    def _list(
        self, key: Hashable, codec: Codec, encode: Callable[[Instance], bytes]
    ) -> EncodedList:
        """The list that is kept under a key, or a new one."""
        listed = self._lists.get(key)
        if listed is None:
            listed = self._lists[key] = EncodedList(codec, encode)
        self._lists.move_to_end(key)
        while len(self._lists) > _KEPT_LISTS:
            self._lists.popitem(last=False)
        return listed

    def _assemble(self, listed: EncodedList, frame: Frame, now_ms: int, *, gzip: bool) -> bytes:
        return listed.gzip(frame, self._budget, now_ms) if gzip else listed.plain(frame)


def _require_body(body: Body | None) -> Body:
    """The body of a request without a bound, which always exists."""
    assert body is not None  # noqa: S101
    return body


def _encode_group(codec: Codec, groups: Sequence[VipGroup]) -> bytes:
    """The document of one address, whose hash is that of its own instances."""
    by_app: dict[str, list[Instance]] = {}
    for group in groups:
        for instance in group.members.values():
            by_app.setdefault(instance.app, []).append(instance)
    counts = Counter(i.status for instances in by_app.values() for i in instances)
    texts = []
    for name, instances in by_app.items():
        head, tail = codec.application(name)
        texts.append(head + codec.separator.join(map(codec.instance, instances)) + tail)
    head, tail = codec.applications(VIP_VERSION, hashcode(counts.items()))
    return head + codec.separator.join(texts) + tail


def _tag(key: Hashable, version: Hashable) -> str:
    """The key as a number, and the version, in characters that a header may hold."""
    numbers = version if isinstance(version, tuple) else (version,)
    shown = ".".join("x" if number is None else str(number) for number in numbers)
    return f"{crc32(repr(key).encode()):08x}-{shown}"


def _hash_of(sources: Iterable[Source]) -> str:
    total: Counter[Status] = Counter()
    for source in sources:
        total.update(source.counts)
    return hashcode(total.items())


def _key(sources: Iterable[Source]) -> Hashable:
    return tuple(id(source) for source in sources)
