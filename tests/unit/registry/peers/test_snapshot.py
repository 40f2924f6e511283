"""The registry on disk: what was written is read, and nothing else prevents a start."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eureka_registry.core.registry import Registry
from eureka_registry.peers.snapshot import Snapshot, SnapshotError, read, temporary_path
from eureka_registry.wire.copies import encode_copy
from support.instances import instance, registry
from support.turns import turns

NOW = 1_000_000


def holding(count: int) -> Registry:
    """A registry with so many instances of several applications."""
    held = registry()
    for number in range(count):
        held.copy(instance(f"i{number}", f"APP{number % 7}"), NOW)
    return held


def snapshot(path: Path, held: Registry) -> Snapshot:
    """A registry's file."""
    return Snapshot(path, held, "node", lambda: NOW)


def names(directory: Path) -> list[str]:
    """Names of the files there."""
    return [each.name for each in directory.iterdir()]


async def snapshot_bytes(path: Path, count: int = 30) -> bytes:
    """The file of so many instances."""
    await snapshot(path, holding(count)).save()
    return path.read_bytes()  # noqa: ASYNC240


async def test_what_was_written_is_read(tmp_path: Path) -> None:
    """More than a page of it; digests say that it is the same."""
    there, here = holding(1_203), registry()
    await snapshot(tmp_path / "s", there).save()

    told = await snapshot(tmp_path / "s", here).load()

    assert told.startswith("1203 instances from")
    assert here.digest() == there.digest()
    assert len(read(tmp_path / "s")[1]) == 3


async def test_snapshot_of_nothing_is_one(tmp_path: Path) -> None:
    """A peer may be stopped before anybody has registered."""
    await snapshot_bytes(tmp_path / "s", 0)

    assert (await snapshot(tmp_path / "s", registry()).load()).startswith("0 instances")


async def test_snapshot_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """An update must not begin empty: one page of everything, its head without room."""
    body, _ = encode_copy(holding(9).leases(), "node", "ready", NOW)
    sha256 = hashlib.sha256(b"%d\n" % NOW + body).hexdigest()
    head = {"eurekube_snapshot": 1, "saved_ms": NOW, "bytes": len(body), "sha256": sha256}
    (tmp_path / "s").write_bytes(json.dumps(head).encode() + b"\n" + body)
    here = registry()

    await snapshot(tmp_path / "s", here).load()

    assert here.digest() == holding(9).digest()


async def test_loop_turns_while_a_snapshot_is_written_and_read(tmp_path: Path) -> None:
    """A registry of 90,000 stood still for 0.8 s; now others are served between two pieces."""
    writing = await turns(snapshot(tmp_path / "s", holding(3_000)).save())
    reading = await turns(snapshot(tmp_path / "s", registry()).load())

    assert writing.longest_s < writing.total_s / 3
    assert reading.longest_s < reading.total_s / 3


async def test_what_clients_did_meanwhile_counts_more(tmp_path: Path) -> None:
    """They may write while a start reads the file."""
    await snapshot(tmp_path / "s", holding(2)).save()
    here = registry()
    here.copy(instance("i0", "APP0", host_name="moved", last_dirty_ms=NOW), NOW)
    here.copy(instance("i1", "APP1"), NOW)
    here.cancel("APP1", "i1", NOW + 1)

    await snapshot(tmp_path / "s", here).load()

    assert [lease.instance.host_name for lease in here.leases()] == ["moved"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_any_damage_is_a_sentence(tmp_path: Path, place: float, byte: int, cut: bool) -> None:  # noqa: FBT001
    """A wrong byte in its head prevented every start."""
    path, here = tmp_path / "s", registry()
    content = bytearray(asyncio.run(snapshot_bytes(path)))
    at = int(place**3 * (len(content) - 1))  # the head most of all
    same = content[at] == byte
    content[at] = byte
    path.write_bytes(content[:at] if cut else content)

    told = asyncio.run(snapshot(path, here).load())

    if cut or not same:
        assert here.size == 0 or here.digest() == holding(30).digest()
        assert told.startswith("snapshot not used") or here.size
    assert here.size in (0, 30)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_link, "is a link"),
        (_pipe, "is not a file"),
        (_directory, "is not a file"),
        (lambda path: path.write_bytes(b""), "is not a snapshot"),
        (lambda path: path.write_bytes(b"[" * 100_000), "is not a snapshot"),
        (lambda path: path.write_bytes(b'{"eurekube_snapshot":1}\n'), "is not a snapshot"),
        (lambda path: os.truncate(path, 1_073_741_825), "is larger than"),
    ],
)
async def test_whatever_is_at_its_place_does_not_prevent_a_start(
    tmp_path: Path, damage: Callable[[Path], object], told: str
) -> None:
    """Nothing is waited for, and no link is followed to somebody else's file."""
    path, here = tmp_path / "s", registry()
    await snapshot_bytes(path)
    damage(path)

    sentence = await asyncio.wait_for(snapshot(path, here).load(), 30)

    assert sentence.startswith("snapshot not used")
    assert told in sentence
    assert here.size == 0


async def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    """Each of a large registry, they would fill the disk; files of others stay."""
    path = tmp_path / "s[1]"
    for name in (".s[1].17", ".s[1].99999", ".s[1].bak", ".s1.17", "s[1].17"):
        (tmp_path / name).touch()

    assert "no snapshot" in await snapshot(path, registry()).load()

    assert set(names(tmp_path)) == {".s[1].bak", ".s1.17", "s[1].17"}


async def test_link_beside_its_place_is_not_written_through(tmp_path: Path) -> None:
    """Its name can be guessed, and the directory may be shared."""
    path, other = tmp_path / "s", tmp_path / "other"
    other.write_text("mine")
    temporary_path(path).symlink_to(other)

    await snapshot_bytes(path)

    assert other.read_text() == "mine"
    assert read(path)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_snapshot_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And the old one is still there."""
    path = tmp_path / "s"
    before = await snapshot_bytes(path)
    temporary_path(path).mkdir()

    await snapshot(path, holding(5)).save()

    assert "snapshot not written" in caplog.text
    assert path.read_bytes() == before


async def test_two_saves_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    """The timer's, and that of the stop."""
    one = snapshot(tmp_path / "s", holding(1_500))

    await asyncio.gather(one.save(), one.save())

    assert len(read(tmp_path / "s")[1]) == 3
    assert names(tmp_path) == ["s"]


def test_moment_that_cannot_be_is_damage(tmp_path: Path) -> None:
    """Whoever writes the checksum as well may still be wrong."""
    head = {"eurekube_snapshot": 2, "saved_ms": 10**30, "bytes": 0, "sha256": ""}
    (tmp_path / "s").write_bytes(json.dumps(head).encode() + b"\n")

    with pytest.raises(SnapshotError, match="is not a snapshot"):
        read(tmp_path / "s")
