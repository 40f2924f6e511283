"""Pieces of a list: right after any change, few of them compressed anew, and small."""

from __future__ import annotations

import gzip
import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from eureka_registry.core.limits import DENSE_BURST_BYTES, DENSE_BYTES_PER_S
from eureka_registry.wire import pieces as module
from eureka_registry.wire.pieces import (
    AIM_BYTES,
    LEAST_BYTES,
    MOST_BYTES,
    RESTED_MS,
    Budget,
    Item,
    Pieces,
    plain,
    runs,
)
from eureka_registry.wire.segments import Segment, compress

FRAME = (b"[", b"]")
SEPARATOR = b","


def item(name: str, size: int, seed: int = 0) -> Item:
    """An item of some text that looks a little like others'."""
    rng = random.Random(f"{name} {seed}")  # noqa: S311 - any text will do
    words = [b'"host-%d.example":"%d"' % (rng.randrange(9999), n) for n in range(size // 24)]
    text = SEPARATOR.join([name.encode(), *words])[: max(size, 1)]
    return Item((name, ""), b"{", [text], b"}", len(text) + 2)


def full_text(items: list[Item]) -> bytes:
    """What a reader must see."""
    return FRAME[0] + plain(items, SEPARATOR) + FRAME[1]


def read(packed: bytes) -> bytes:
    """What each decoder reads, which must be the same."""
    text = gzip.decompress(packed)
    assert zlib.decompress(packed, 31) == text
    assert isal_zlib.decompress(packed, 31) == text
    reader, came = zlib.decompressobj(31), b""
    for at in range(0, len(packed), 977):
        came += reader.decompress(packed[at : at + 977])
    assert (came, reader.eof, reader.unused_data) == (text, True, b"")
    return text


SIZES = st.sampled_from([0, 1, 300, 1000, 5000, 21_000, 45_000])
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["change", "add", "insert", "remove", "swap", "wait"]),
        st.integers(0, 10_000),
        SIZES,
    ),
    min_size=1,
    max_size=12,
)


def changed(items: list[Item], what: str, number: int, size: int) -> list[Item]:
    """The list after one change."""
    at = number % len(items) if items else 0
    fresh = item(f"new-{number}-{size}-{len(items)}", size, number)
    match what:
        case "change" if items:
            name = items[at].name[0]
            return [*items[:at], item(name, size, number), *items[at + 1 :]]
        case "add":
            return [*items, fresh]
        case "insert":
            return [*items[:at], fresh, *items[at:]]
        case "remove":
            return items[:at] + items[at + 1 :]
        case "swap":
            return [*items[at:], *items[:at]]
        case _:
            return list(items)


@settings(max_examples=60)
@given(sizes=st.lists(SIZES, max_size=25), changes=CHANGES)
def test_every_change_leaves_one_right_gzip_member(
    sizes: list[int], changes: list[tuple[str, int, int]]
) -> None:
    """Whatever comes, goes, grows, or changes places; checksum and size are verified by readers."""
    items = [item(f"app-{number}", size) for number, size in enumerate(sizes)]
    kept, budget, now_ms = Pieces(SEPARATOR), Budget(), 0
    assert read(kept.gzip(FRAME, items, budget, now_ms)) == full_text(items)
    for change in changes:
        items = changed(items, *change)
        now_ms += change[1]
        assert read(kept.gzip(FRAME, items, budget, now_ms)) == full_text(items)


@settings(max_examples=30)
@given(
    size=st.sampled_from([300, 1000, 5000, 21_000]),
    changes=st.lists(
        st.tuples(st.sampled_from(["change", "add", "insert", "remove"]), st.integers(0, 10_000)),
        min_size=1,
        max_size=10,
    ),
)
def test_a_change_compresses_few_pieces(size: int, changes: list[tuple[str, int]]) -> None:
    """Its own and the next one; where pieces are cut or joined, those and the next one."""
    items = [item(f"app-{number}", size) for number in range(500_000 // size)]
    kept, budget = Pieces(SEPARATOR), Budget()
    kept.gzip(FRAME, items, budget, 0)
    assert len(kept._pieces) > 20
    for what, number in changes:
        before = {id(piece.segment) for piece in kept._pieces}
        items = changed(items, what, number, size)
        kept.gzip(FRAME, items, budget, 0)
        anew = [piece for piece in kept._pieces if id(piece.segment) not in before]
        assert len(anew) <= (2 if what == "change" else 5)


@given(
    sizes=st.lists(st.integers(1, 3 * AIM_BYTES), max_size=60), starts=st.sets(st.integers(0, 59))
)
def test_runs_are_of_fair_sizes_and_stay(sizes: list[int], starts: set[int]) -> None:
    """Too large only where one item is; too small only between such as are too large to join."""
    names = list(range(len(sizes)))
    found = runs(names, sizes, starts)

    assert [at for run in found for at in range(*run)] == names
    lengths = [sum(sizes[slice(*run)]) for run in found]
    for run, length in zip(found, lengths, strict=True):
        assert length <= MOST_BYTES or max(sizes[slice(*run)]) > MOST_BYTES - AIM_BYTES
    for one, other in pairwise(lengths):
        assert min(one, other) >= LEAST_BYTES or one + other > MOST_BYTES
    assert runs(names, sizes, {start for start, _ in found}) == found


def test_a_large_list_is_compressed_densely_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first as much as the budget allows, then some whenever it is made; so none stalls."""
    asked: list[bool] = []

    def noted(text: bytes, window: bytes = b"", *, dense: bool = False) -> Segment:
        asked.append(dense)
        return compress(text, window, dense=False)

    monkeypatch.setattr(module, "compress", noted)
    text = b"x" * (AIM_BYTES - 2)
    count = 2 * DENSE_BURST_BYTES // AIM_BYTES
    items = [Item((str(n), ""), b"{", [text], b"}", AIM_BYTES) for n in range(count)]
    kept, budget = Pieces(SEPARATOR), Budget()
    kept.gzip(FRAME, items, budget, 0)
    assert asked.count(True) == DENSE_BURST_BYTES // AIM_BYTES

    asked.clear()
    kept.gzip(FRAME, items, budget, 1000)

    assert asked.count(True) == count // 128 + 1


def test_what_changes_is_compressed_densely_once_it_rests() -> None:
    """Who fetches right after a change does not wait for that, and what is at rest is small."""
    items = [item(f"app-{number}", 5000) for number in range(100)]
    kept, budget = Pieces(SEPARATOR), Budget()
    kept.gzip(FRAME, items, budget, 0)
    items = changed(items, "change", 50, 5000)

    def fast(now_ms: int) -> int:
        kept.gzip(FRAME, items, budget, now_ms)
        return sum(not piece.segment.is_dense for piece in kept._pieces if piece.segment)

    assert [fast(10), fast(RESTED_MS), fast(RESTED_MS + 10), fast(RESTED_MS + 11)] == [2, 2, 1, 0]


def test_the_budget_fills_with_time() -> None:
    """Up to a burst, and never by a clock that goes back."""
    budget = Budget()
    assert budget.take(DENSE_BURST_BYTES, 0)
    assert not budget.take(DENSE_BYTES_PER_S, 999)
    assert budget.take(DENSE_BYTES_PER_S, 1000)
    assert not budget.take(1, 500)
    assert budget.take(DENSE_BURST_BYTES, 1_000_000)
    assert not budget.take(1, 1_000_000)


@pytest.mark.parametrize("per_app", [1, 20, 2000])
def test_a_list_is_hardly_larger_than_compressed_as_a_whole(per_app: int) -> None:
    """Java compresses whole lists on level 6; ours may be a fifth larger."""
    one = '{{"instanceId":"host-{n}:app-{a}:8080","hostName":"host-{n}.example","app":"APP-{a}"}}'
    apps = [range(at, at + per_app) for at in range(0, 2000, per_app)]
    texts = [
        [(one.format(n=n, a=app[0]) + "," + "metadata" * 50).encode() for n in app] for app in apps
    ]
    items = [
        Item(
            (str(number), str(at)),
            b"{" if not at else b"",
            text[at : at + 40],
            b"",
            len(text[at : at + 40]) * 470,
        )
        for number, text in enumerate(texts)
        for at in range(0, len(text), 40)
    ]
    packed = Pieces(SEPARATOR).gzip(FRAME, items, Budget(), 0)

    assert read(packed) == full_text(items)
    assert len(packed) <= 1.2 * len(zlib.compress(full_text(items), 6))
