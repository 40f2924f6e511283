"""Wheel, sdist, charts, CRDs, bills of materials, checksums: the same bytes for the same commit."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release.versions import version

CHARTS: Final = ("eurekube", "eureka-cluster")
REQUIREMENTS: Final = {
    "registry": "registry/requirements.txt",
    "operator": "operator/requirements.txt",
    "sidecar": os.devnull,  # the standard library is all it needs
}
"""What the image of a program installs."""
SUMS: Final = "SHA256SUMS"
_MODE: Final = 0o644


class ReleaseError(Exception):
    """It cannot be made; the sentence says why."""


def make(root: Path, into: Path, epoch: int) -> None:
    """Make all of them in a folder; `epoch` is the time of the commit, which all get.

    Raises:
        ReleaseError: a tool fails; with what it says.
    """
    into.mkdir(parents=True, exist_ok=True)
    packages(root, into, epoch)
    for name in CHARTS:
        chart(root / "charts" / name, into / f"{name}-{version(root)}.tgz", epoch)
    crds(root, into / f"eurekube-crds-{version(root)}.yaml")
    for program in REQUIREMENTS:
        bill_of_materials(root, program, into / f"{program}-{version(root)}.cdx.json")


def packages(root: Path, into: Path, epoch: int) -> None:
    """The wheel and the sdist."""
    words = [sys.executable, "-m", "hatchling", "build", "--target=wheel", "--target=sdist"]
    _run([*words, f"--directory={into}"], root, SOURCE_DATE_EPOCH=str(epoch))


def chart(folder: Path, archive: Path, epoch: int) -> None:
    """A chart as `helm package` writes it, which puts the time of day into it."""
    ignored = _ignored((folder / ".helmignore").read_text())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not any(part in ignored for part in file.parts):
                member = tarfile.TarInfo(f"{folder.name}/{file.relative_to(folder)}")
                member.mtime, member.mode, member.size = epoch, _MODE, file.stat().st_size
                tar.addfile(member, io.BytesIO(file.read_bytes()))
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=epoch))


def crds(root: Path, file: Path) -> None:
    """All CustomResourceDefinitions in one file for kubectl."""
    file.write_text(
        "".join(f"---\n{each.read_text()}" for each in sorted((root / "crds").glob("*.yaml")))
    )


def bill_of_materials(root: Path, program: str, file: Path) -> None:
    """What of PyPI is in the image of a program, as CycloneDX; the base image has its own."""
    words = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    written = ["--pyproject=pyproject.toml", "--output-format=JSON", f"--output-file={file}"]
    _run([*words, *written, REQUIREMENTS[program]], root)


def checksums(into: Path) -> None:
    """Write `SHA256SUMS` of all files below a folder, for `sha256sum --check`."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(into)}\n"
        for file in sorted(into.rglob("*"))
        if file.is_file() and file.name != SUMS
    ]
    (into / SUMS).write_text("".join(lines))


def _ignored(text: str) -> frozenset[str]:
    """Names of folders that are no part of a chart; patterns in the file are of editors' files."""
    return frozenset(line.rstrip("/") for line in text.splitlines() if line.endswith("/"))


def _run(words: Iterable[str], root: Path, **variables: str) -> None:
    done = subprocess.run(
        [*words], cwd=root, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ReleaseError(f"`{' '.join(words)}`: {done.stderr.strip()[-2000:]}")
