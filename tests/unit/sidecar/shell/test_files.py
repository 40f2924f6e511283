from __future__ import annotations

import os
from pathlib import Path

from eureka_sidecar.shell.files import MAX_BYTES, WatchedFile


def swap_data(directory: Path, name: str, text: str) -> None:
    """Write as the kubelet does: a new directory, and `..data` renamed to point to it."""
    new = directory / f"..{name}"
    new.mkdir()
    (new / "annotations").write_text(text)
    link = directory / "..data_tmp"
    link.symlink_to(new.name)
    link.rename(directory / "..data")


def projected(directory: Path) -> WatchedFile:
    """The file of a downward API volume."""
    (directory / "annotations").symlink_to("..data/annotations")
    return WatchedFile(str(directory / "annotations"))


def test_text_is_given_when_it_is_new(tmp_path: Path) -> None:
    """It is asked every second, and nobody annotates that often."""
    watched = projected(tmp_path)
    swap_data(tmp_path, "1", "one")
    first = [watched.read_if_changed(), watched.read_if_changed()]
    swap_data(tmp_path, "2", "two")

    assert first == ["one", None]
    assert [watched.read_if_changed(), watched.read_if_changed()] == ["two", None]


def test_file_that_was_swapped_within_a_tick_of_the_clock_is_new(tmp_path: Path) -> None:
    """Same length and time: only the inode tells it."""
    watched = projected(tmp_path)
    swap_data(tmp_path, "1", "one")
    watched.read_if_changed()
    swap_data(tmp_path, "2", "two")
    for name in ("..1", "..2"):
        os.utime(tmp_path / name / "annotations", ns=(0, 0))
    watched.read_if_changed()
    swap_data(tmp_path, "3", "six")
    os.utime(tmp_path / "..3" / "annotations", ns=(0, 0))

    assert watched.read_if_changed() == "six"


def test_missing_file_is_a_problem_until_it_is_there(tmp_path: Path) -> None:
    """A volume may come late, and must stop nothing."""
    watched = projected(tmp_path)

    assert watched.read_if_changed() is None
    assert watched.problem == f"cannot read {watched.path}: No such file or directory"
    swap_data(tmp_path, "1", "one")
    assert watched.read_if_changed() == "one"
    assert watched.problem is None


def test_file_that_comes_back_as_it_was_is_no_problem_any_more(tmp_path: Path) -> None:
    """Else the status would tell of it for ever."""
    path = tmp_path / "labels"
    path.write_text("one")
    watched = WatchedFile(str(path))
    watched.read_if_changed()
    path.rename(tmp_path / "away")
    watched.read_if_changed()
    had_problem = watched.problem is not None
    (tmp_path / "away").rename(path)

    assert had_problem
    assert watched.read_if_changed() == "one"
    assert watched.problem is None


def test_what_is_no_text_file_of_that_size_is_not_used(tmp_path: Path) -> None:
    """Nothing from outside may fill the memory, or stop the loop as a pipe would."""
    large, largest, binary, pipe = (tmp_path / each for each in ("large", "largest", "bin", "pipe"))
    large.write_text("x" * (MAX_BYTES + 1))
    largest.write_text("x" * MAX_BYTES)
    binary.write_bytes(b"\xff")
    os.mkfifo(pipe)

    for path in (large, binary, pipe, tmp_path):
        watched = WatchedFile(str(path))
        assert watched.read_if_changed() is None
        assert watched.problem == (
            f"cannot use {path}: it is not a file of UTF-8 text of at most 262144 bytes"
        )
    assert WatchedFile(str(largest)).read_if_changed() == "x" * MAX_BYTES
