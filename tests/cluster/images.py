"""The project's images: its own Dockerfiles, unchanged, built by buildah on a base of our own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import baseimage, parts
from .lifecycle import native_snapshots
from .parts import Part, Workshop

ROOT: Final = Path(__file__).parents[2]
_SHARED: Final = ("pyproject.toml", "README.md", "LICENSE", ".dockerignore")
_ACCEPT_ANY: Final = {"default": [{"type": "insecureAcceptAnything"}]}
_ARCHIVE: Final = "image.tar"
_UNUSED_S: Final = 3600.0


@dataclass(frozen=True)
class Recipe:
    """An image of this repository: what it is called, and its Dockerfile below the root.

    All it is made of is in the Dockerfile's folder, or one of the few files all images share.
    """

    name: str
    dockerfile: str

    @property
    def sources(self) -> Iterator[Path]:
        """The files that it depends on."""
        yield from (ROOT / name for name in _SHARED)
        for path in sorted((ROOT / self.dockerfile).parent.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


REGISTRY: Final = Recipe("localhost/eurekube/registry:test", "registry/Dockerfile")
CLIENT: Final = Recipe("localhost/eurekube/test-client:test", "tests/e2e/client/Dockerfile")
RECIPES: Final = (REGISTRY, CLIENT)


def built(recipe: Recipe) -> Path:
    """An image as an archive that containerd, Docker and kind load; built when sources changed.

    Older ones are deleted an hour after their last use: another checkout may be about to load one.

    Raises:
        ClusterError: it cannot be built.
    """
    part = _part(recipe, parts.build(parts.base()) / _ARCHIVE)
    folder = parts.build(part)
    os.utime(folder)
    for old in folder.parent.iterdir():
        if old.is_dir() and time.time() - old.stat().st_mtime > _UNUSED_S:
            shutil.rmtree(old, ignore_errors=True)  # 180 MB for each change of the code
    return folder / _ARCHIVE


def _part(recipe: Recipe, base: Path) -> Part:
    def make(workshop: Workshop) -> None:
        folder = workshop.folder
        policy = folder / "policy.json"
        policy.write_text(json.dumps(_ACCEPT_ANY))
        driver = "vfs" if native_snapshots(folder) else "overlay"
        store = ["--root", f"{folder}/storage", "--runroot", f"{folder}/run"]
        buildah = ["buildah", *store, "--storage-driver", driver]
        trust = f"--signature-policy={policy}"
        try:
            workshop.run([*buildah, "pull", trust, f"docker-archive:{base}"])
            workshop.run(
                [
                    *(*buildah, "build", trust, "--isolation=chroot", "--pull-never"),
                    *(f"--build-arg=BASE_IMAGE={baseimage.NAME}", "--timestamp=0"),
                    *(f"--file={ROOT / recipe.dockerfile}", f"--tag={recipe.name}", str(ROOT)),
                ]
            )
            target = f"docker-archive:{folder}/{_ARCHIVE}:{recipe.name}"
            workshop.run([*buildah, "push", trust, recipe.name, target])
        finally:
            shutil.rmtree(folder / "storage", ignore_errors=True)
            shutil.rmtree(folder / "run", ignore_errors=True)

    short = recipe.name.rpartition("/")[2].partition(":")[0]
    return Part(f"image-{short}", _key(recipe, base), make)


def _key(recipe: Recipe, base: Path) -> str:
    digest = hashlib.sha256(str(base).encode())
    for file in recipe.sources:
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
