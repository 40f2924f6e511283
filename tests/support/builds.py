"""What other toolchains build for tests and benchmarks, once per content of its sources.

It goes into the user's cache, outside the checkout; two runs at once build once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_BUILD_S: Final = 900.0
_DONE: Final = "built"


_OUT_OF_REACH: Final = re.compile(
    r"could not (resolve|transfer|find artifact)|dial tcp|no such host|ENOTFOUND|403 forbidden",
    re.IGNORECASE,
)
"""What Maven, Go and npm say when a registry does not answer, or has not got it."""


class NotBuiltError(Exception):
    """A tool is missing, or could not get what it needs; the sentence says which, and why."""


class BrokenBuildError(Exception):
    """The sources cannot be built; the sentence is what the tool said."""


def built(name: str, sources: Path, command: Sequence[str]) -> Path:
    """Copy a folder of sources into the cache and run `command` there; the folder it was run in.

    The folder is made anew when a file of the sources or the command changes.

    Raises:
        NotBuiltError: the command's tool is not installed, or a registry is out of its reach.
        BrokenBuildError: the command failed for another reason.
    """
    need(command[0])
    place = cache() / name / _fingerprint(sources, command)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (place / _DONE).exists():
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(sources, place, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
            _run(command, place)
            (place / _DONE).touch()
    return place


def need(tool: str) -> None:
    """Insist on a program.

    Raises:
        NotBuiltError: it is not installed.
    """
    if shutil.which(tool) is None:
        raise NotBuiltError(f"{tool} is not installed")


def cache() -> Path:
    """Where builds are kept: `eurekube` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "eurekube"


def output(*command: str) -> str:
    """What a command prints, errors included."""
    run = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
    )
    return run.stdout.decode(errors="replace").strip()


def _fingerprint(sources: Path, command: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(command).encode())
    for file in sorted(sources.rglob("*")):
        if file.is_file() and file.suffix not in {".py", ".pyc"}:
            digest.update(f"\0{file.relative_to(sources)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _run(command: Sequence[str], place: Path) -> None:
    log = place / "build.log"
    with log.open("wb") as said:
        try:
            run = subprocess.run(
                command, cwd=place, stdout=said, stderr=said, timeout=_BUILD_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotBuiltError(f"{command[0]} took longer than {_BUILD_S:g} s") from None
    if run.returncode != 0:
        text = log.read_text(errors="replace")
        lines = text.strip().splitlines() or ["it printed nothing"]
        wrong = [line for line in lines if "ERROR" in line or "ERR!" in line] or lines
        kind = NotBuiltError if _OUT_OF_REACH.search(text) else BrokenBuildError
        raise kind(f"{command[0]} failed, see {log}: {' / '.join(wrong[:3])}")
