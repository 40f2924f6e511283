"""What is noted before it is made, and in which order it is undone."""

from __future__ import annotations

from pathlib import Path

from cluster.cgroups import hierarchies
from cluster.journal import Entry, Journal, Kind, read, to_undo

SHARED, OWN = Entry(Kind.SHARED_CGROUP, "/sys/a"), Entry(Kind.CGROUP, "/sys/a/b")


def test_what_was_made_last_is_undone_first_and_once(tmp_path: Path) -> None:
    """Also by another process than the one that noted it."""
    for entry in (SHARED, OWN, SHARED):
        Journal(tmp_path).note(entry)

    assert to_undo(Journal(tmp_path).entries()) == [OWN, SHARED]


def test_line_that_was_cut_off_is_of_nothing_that_was_made() -> None:
    """The tool was killed while it wrote."""
    assert read("shared-cgroup /sys/a\ncgroup /sys/a") == [SHARED]


def test_nothing_was_noted(tmp_path: Path) -> None:
    """The tool was killed before."""
    assert Journal(tmp_path).entries() == []


def test_groups_are_made_in_every_hierarchy() -> None:
    """Version 2 has controllers to pass on when it is alone; beside version 1 it has none."""
    one = "30 1 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
    two = "31 1 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    other = "32 1 8:1 / / rw - ext4 /dev/vda rw"

    both = hierarchies(f"{one}\n{two}\n{other}\n")
    alone = hierarchies(f"{two}\n{other}\n")

    assert both == {
        Path("/sys/fs/cgroup/memory"): False,
        Path("/sys/fs/cgroup/unified"): False,
    }
    assert alone == {Path("/sys/fs/cgroup/unified"): True}
