"""Bodies of list documents, assembled from kept pieces and never stale.

Kept are the encoded form of each instance, and per application the compressed text. A piece is
good as long as what it was made of is the same: an instance's as long as the document is the same
object (documents are frozen), an application's as long as its version is. Nobody has to tell this
module of changes. One change costs encoding one instance, compressing one application, and
joining.

Lists may be drawn from several registries: this one, and mirrors of other regions.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
from isal.isal_zlib import crc32

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import Delta, RecentApplication, ordered
from eureka_registry.core.model import Instance, Status
from eureka_registry.core.vips import VipGroup, VipIndex
from eureka_registry.wire.codecs import Codec, codec_for
from eureka_registry.wire.negotiate import Form
from eureka_registry.wire.segments import Segment, compress, join

FULL_VERSION: Final = "1"
"""`versions__delta` of a full document, as in Java."""

VIP_VERSION: Final = "-1"
"""`versions__delta` of the instances of one address, as in Java."""

_KEPT_BODIES: Final = 256
_KEPT_LISTS: Final = 24
"""Lists whose encoded instances are kept: full and delta in six forms, of two sets of registries.
Clients choose form and regions, so there could be very many."""


class Versioned(Protocol):
    """Something that says when it has changed."""

    @property
    def version(self) -> int:
        """Changes with every visible change."""


_V = TypeVar("_V", bound=Versioned)


class Listed(Versioned, Protocol):
    """One application's documents."""

    def instances(self) -> Iterable[Instance]:
        """The documents."""


class Source(Protocol):
    """What lists are drawn from: this peer's registry, or the mirror of another region."""

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
    """An encoded document. `tag` is the same exactly as long as the document is."""

    content: bytes
    tag: str
    gzipped: bool


Encoder = Callable[[Instance], bytes]


class _Part(msgspec.Struct):
    """One application, encoded; fragments by the identity of the document they were made of."""

    name: str
    version: Hashable
    fragments: dict[int, tuple[Instance, bytes]]
    segment: Segment | None = None


class Bodies:
    """The bodies that one peer serves."""

    def __init__(self, *, short_departures: bool = True, max_age_ms: int = 0) -> None:
        """Keep nothing yet.

        Args:
            short_departures: whether departures carry only what clients read.
            max_age_ms: serve bodies up to so old even if they have changed; 0: never.
        """
        self._short_departures = short_departures
        self._max_age_ms = max_age_ms
        self._parts: OrderedDict[Hashable, dict[str, _Part]] = OrderedDict()
        self._bodies: OrderedDict[Hashable, tuple[Hashable, int, Body]] = OrderedDict()

    def adopt(self, *, short_departures: bool, max_age_ms: int) -> None:
        """Go on as if made with these; pieces are kept as long as they would be the same."""
        if short_departures != self._short_departures:
            self._parts.clear()
            self._bodies.clear()
        self._short_departures = short_departures
        self._max_age_ms = max_age_ms

    def full(self, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool) -> Body:
        """All applications of all sources (E1)."""
        version = tuple(source.version for source in sources)

        def build() -> bytes:
            codec = codec_for(form)
            parts = self._full_parts(sources, form)
            frame = codec.applications(FULL_VERSION, _hash_of(sources))
            return _assemble(codec, frame, parts, gzip=gzip)

        return self._kept(("full", _key(sources), form, gzip), version, now_ms, build)

    def delta(self, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool) -> Body:
        """What changed lately, with the hash of everything (E2)."""
        for source in sources:
            source.delta.forget_old(now_ms)
        # Mirrors of other regions may change without a local change: the sum only ever grows.
        number = sum(source.delta.version for source in sources)

        def build() -> bytes:
            codec = codec_for(form)
            parts = self._delta_parts(sources, form)
            frame = codec.applications(str(number), _hash_of(sources))
            return _assemble(codec, frame, parts, gzip=gzip)

        return self._kept(("delta", _key(sources), form, gzip), number, now_ms, build)

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
            return join([compress(text)]) if gzip else text

        key = ("application", name, _key(sources), form, gzip)
        return self._kept(key, (place, listed.version), now_ms, build)

    def vip(
        self, sources: Sequence[Source], name: str, form: Form, now_ms: int, *, secure: bool
    ) -> Body:
        """The instances of one address, of every status (E12, E13); perhaps none."""
        indexes = [source.vips.secure if secure else source.vips.plain for source in sources]
        groups = [index[name] for index in indexes if name in index]
        version = tuple(index[name].version if name in index else None for index in indexes)
        key = ("vip", secure, name, _key(sources), form)
        return self._kept(key, version, now_ms, lambda: _encode_group(codec_for(form), groups))

    # -- How

    def _kept(
        self, key: Hashable, version: Hashable, now_ms: int, build: Callable[[], bytes]
    ) -> Body:
        kept = self._bodies.get(key)
        if kept is not None and (kept[0] == version or now_ms - kept[1] < self._max_age_ms):
            self._bodies.move_to_end(key)
            return kept[2]
        content = build()
        body = Body(content, _tag(key, version), gzipped=content[:2] == b"\x1f\x8b")
        self._bodies[key] = (version, now_ms, body)
        while len(self._bodies) > _KEPT_BODIES:
            self._bodies.popitem(last=False)
        return body

    def _full_parts(self, sources: Sequence[Source], form: Form) -> list[_Part]:
        codec = codec_for(form)

        def entries(applications: Sequence[Listed]) -> Iterator[tuple[Instance, Encoder]]:
            for application in applications:
                for instance in application.instances():
                    yield instance, codec.instance

        applications = [source.applications for source in sources]
        return self._refreshed(("full", _key(sources), form), applications, entries)

    def _delta_parts(self, sources: Sequence[Source], form: Form) -> list[_Part]:
        codec = codec_for(form)
        departure = codec.departure if self._short_departures else codec.instance

        def entries(
            applications: Sequence[RecentApplication],
        ) -> Iterator[tuple[Instance, Encoder]]:
            for change in ordered(applications):
                yield change.instance, departure if change.departed else codec.instance

        applications = [source.delta.applications for source in sources]
        return self._refreshed(("delta", _key(sources), form), applications, entries)

    def _refreshed(
        self,
        key: Hashable,
        applications: Sequence[Mapping[str, _V]],
        entries: Callable[[Sequence[_V]], Iterable[tuple[Instance, Encoder]]],
    ) -> list[_Part]:
        """The parts of a list, of which only those that changed are encoded again."""
        kept = self._parts.get(key, {})
        parts: dict[str, _Part] = {}
        for name in dict.fromkeys(name for source in applications for name in source):
            same = [source[name] for source in applications if name in source]
            # Versions of two sources are not to be compared, so absence must show, too.
            version = tuple(s[name].version if name in s else None for s in applications)
            part = kept.get(name)
            if part is None or part.version != version:
                part = _encode(name, version, entries(same), part)
            parts[name] = part
        self._parts[key] = parts
        self._parts.move_to_end(key)
        while len(self._parts) > _KEPT_LISTS:
            self._parts.popitem(last=False)
        return list(parts.values())


def _encode(
    name: str,
    version: Hashable,
    entries: Iterable[tuple[Instance, Encoder]],
    before: _Part | None,
) -> _Part:
    """Encode an application, using what is still good of its last encoding."""
    old = before.fragments if before else {}
    fragments: dict[int, tuple[Instance, bytes]] = {}
    for instance, encode in entries:
        fragments[id(instance)] = old.get(id(instance)) or (instance, encode(instance))
    return _Part(name, version, fragments)


def _text(codec: Codec, part: _Part) -> bytes:
    head, tail = codec.application(part.name)
    return head + codec.separator.join(encoded for _, encoded in part.fragments.values()) + tail


def _assemble(
    codec: Codec, frame: tuple[bytes, bytes], parts: Sequence[_Part], *, gzip: bool
) -> bytes:
    head, tail = frame
    if not gzip:
        return head + codec.separator.join(_text(codec, part) for part in parts) + tail
    separator = [compress(codec.separator)] if codec.separator else []
    segments = [compress(head)]
    for part in parts:
        if part.segment is None:
            part.segment = compress(_text(codec, part))
        segments += (part.segment, *separator)
    if parts and separator:
        segments.pop()
    return join([*segments, compress(tail)])


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
    """What was asked for, as a number, and its version, in characters a header may hold."""
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
