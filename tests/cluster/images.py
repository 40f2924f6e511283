"""The project's images: its own Dockerfiles, unchanged, built by buildah on a base of our own."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import baseimage, parts
from .lifecycle import native_snapshots
from .parts import Part, Workshop

ROOT: Final = Path(__file__).parents[2]
_IGNORED: Final = ".dockerignore"
_COPY: Final = re.compile(r"^COPY +(?:--(?!from=)\S+ +)*((?:[^-\s]\S* +)+)\S+$", re.MULTILINE)
_ACCEPT_ANY: Final = {"default": [{"type": "insecureAcceptAnything"}]}
_ARCHIVE: Final = "image.tar"


@dataclass(frozen=True)
class Recipe:
    """An image: what it is called, and its Dockerfile below the context it is built in."""

    name: str
    dockerfile: str
    context: Path = ROOT

    @property
    def sources(self) -> Iterator[Path]:
        """The files that it depends on: its Dockerfile, and what that copies of the context."""
        dockerfile = self.context / self.dockerfile
        for name in (_IGNORED, self.dockerfile, *copied(dockerfile.read_text())):
            yield from _files(self.context / name)


REGISTRY: Final = Recipe("localhost/eurekube/registry:test", "registry/Dockerfile")
OPERATOR: Final = Recipe("localhost/eurekube/operator:test", "operator/Dockerfile")
SIDECAR: Final = Recipe("localhost/eurekube/sidecar:test", "sidecar/Dockerfile")
CLIENT: Final = Recipe("localhost/eurekube/test-client:test", "tests/e2e/client/Dockerfile")
RECIPES: Final = (REGISTRY, OPERATOR, SIDECAR, CLIENT)


def built(recipe: Recipe) -> Path:
    """An image as an archive that containerd, Docker and kind load; built when sources changed.

    Older ones are deleted an hour after their last use: another checkout may be about to load one.

    Raises:
        ClusterError: it cannot be built.
    """
    part = _part(recipe, parts.build(parts.base()) / _ARCHIVE)
    folder = parts.build(part)
    parts.drop_unused(folder)  # 180 MB for each change of the code
    return folder / _ARCHIVE


def build_all(recipes: Sequence[Recipe] = RECIPES) -> list[Path]:
    """Build images at the same time, as one build keeps one core busy; their archives.

    Raises:
        ClusterError: one cannot be built.
    """
    parts.build(parts.base())
    with ThreadPoolExecutor(len(recipes)) as pool:
        return [*pool.map(built, recipes)]


def copied(dockerfile: str) -> list[str]:
    """The files and folders of the build's own context that a Dockerfile copies."""
    return [name for words in _COPY.findall(dockerfile) for name in words.split()]


def _files(path: Path) -> Iterator[Path]:
    """A file if it is there, or the files in a folder."""
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if each.is_file() and "__pycache__" not in each.parts:
            yield each


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
                    *(f"--file={recipe.context / recipe.dockerfile}", f"--tag={recipe.name}"),
                    str(recipe.context),
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
        digest.update(f"\0{file.relative_to(recipe.context)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
