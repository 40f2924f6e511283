"""Control groups for the pods of a node, in version 1 (a hierarchy per controller) and version 2.

The kubelet wants its `cgroupRoot` to be there in every hierarchy (`docs/test-cluster.md#traps`).
Parents are taken as they are; `cpuset` of version 1 starts empty and must be filled from its
parent. Beside version 1, a version 2 hierarchy has no controllers, but runc makes groups there all
the same.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import CannotRunError, ClusterError
from .journal import Entry, Journal, Kind
from .processes import send, wait

_MOUNTS: Final = Path("/proc/self/mountinfo")
_V2: Final = "cgroup2"
_NEEDED_V2: Final = ("cpuset", "cpu", "memory", "pids")
_CPUSET: Final = ("cpuset.cpus", "cpuset.mems")
_EMPTY_S: Final = 60.0
_WEIGHTS: Final = {"cpu.shares": 8192, "cpu.weight": 800}
"""Of the group of all clusters, in version 1 and 2: eight times one process, as it holds dozens.
Beside builds and tests, pods would starve else, and their start-up probes kill them."""


def hierarchies(mounts: str) -> dict[Path, bool]:
    """Folders of the cgroup hierarchies in a `mountinfo`; whether each passes on controllers.

    Version 2 does, unless version 1 is there too and has them.
    """
    found: list[tuple[str, Path]] = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind = after.split(" ", 1)[0]
        if kind in {"cgroup", _V2}:
            found.append((kind, Path(before.split(" ")[4])))
    alone = all(kind == _V2 for kind, _ in found)
    return {folder: alone for _, folder in found}


def make(journal: Journal, path: str) -> None:
    """Make the group `path`, such as /eurekube/NAME/NODE, in every hierarchy.

    Raises:
        CannotRunError: the kernel lets nobody here make groups.
    """
    for root, delegates in _hierarchies().items():
        group = root
        names = path.strip("/").split("/")
        for depth, name in enumerate(names):
            if delegates:
                _delegate(group)
            group /= name
            whole = depth == len(names) - 1
            journal.note(Entry(Kind.CGROUP if whole else Kind.SHARED_CGROUP, str(group)))
            _make(group, shared=depth == 0)
        if delegates:
            _delegate(group)


def undo(entry: Entry) -> None:
    """Remove a group that was noted; with `CGROUP` kill what is in it.

    Raises:
        ClusterError: it does not become empty.
    """
    group = Path(entry.path)
    if entry.kind is Kind.SHARED_CGROUP:
        with contextlib.suppress(OSError):
            group.rmdir()
    elif not wait(lambda: _removed(group), _EMPTY_S):
        raise ClusterError(f"the control group {group} cannot be removed: processes stay in it")


def _hierarchies() -> dict[Path, bool]:
    found = hierarchies(_MOUNTS.read_text())
    if not found:
        raise CannotRunError("no cgroup file system is mounted; see cgroups(7)")
    return found


def _make(group: Path, *, shared: bool) -> None:
    try:
        group.mkdir(exist_ok=True)
        for name in _CPUSET:
            file, above = group / name, group.parent / name
            if file.exists() and above.exists() and not file.read_text().strip():
                file.write_text(above.read_text())
        for name, weight in _WEIGHTS.items():
            if shared and (group / name).exists():
                (group / name).write_text(str(weight))
    except OSError as error:
        raise CannotRunError(f"no control group can be made at {group}: {error}") from error


def _delegate(group: Path) -> None:
    """Let groups below have the controllers."""
    offered = (group / "cgroup.controllers").read_text().split()
    missing = [name for name in _NEEDED_V2 if name not in offered]
    if missing:
        raise CannotRunError(f"{group} does not offer the cgroup controllers {', '.join(missing)}")
    try:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in offered))
    except OSError as error:
        raise CannotRunError(
            f"cgroup controllers cannot be passed on below {group}: {error}. In a container, start"
            " it with --cgroupns=host, or move its processes out of the root group first"
        ) from error


def _removed(group: Path) -> bool:
    """Try to remove a group and all below; whether nothing is left."""
    for folder in _deepest_first(group):
        try:
            for pid in (folder / "cgroup.procs").read_text().split():
                send(int(pid), signal.SIGKILL)
            folder.rmdir()
        except OSError:
            continue
    return not group.exists()


def _deepest_first(group: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for entry in group.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                yield from _deepest_first(entry)
    yield group
