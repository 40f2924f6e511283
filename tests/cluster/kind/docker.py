"""The Docker engine of this machine, where one answers: what people have kind for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import parts
from ..errors import CannotRunError, ClusterError
from ..images import RECIPES, ROOT, Recipe
from ..progress import doing
from ..versions import Kubernetes
from . import programs
from .config import config


def answers() -> bool:
    """Whether there is an engine that answers."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def cluster(
    name: str,
    nodes: int,
    version: Kubernetes | None,
    image: str | None,
    recipes: Sequence[Recipe] = RECIPES,
) -> Iterator[Path]:
    """The kubeconfig of a cluster that has images of the project, for as long as the block lasts.

    `version` and `image` of the nodes: None leaves both to kind, which pulls what it was made for.

    Raises:
        CannotRunError: the image, or kubectl, cannot be had.
        ClusterError: it does not come up, or an image cannot be built.
    """
    if shutil.which("kubectl") is None:
        raise CannotRunError("there is Docker, but kubectl is not installed")
    image = image or (f"kindest/node:v{version}" if version else None)
    if image:
        _have(image)
    with tempfile.TemporaryDirectory(prefix="eurekube-kind-") as folder:
        kubeconfig, asked = Path(folder) / "kubeconfig", Path(folder) / "kind.json"
        asked.write_text(config(nodes, version))
        words = [f"--name={name}", f"--config={asked}", f"--kubeconfig={kubeconfig}"]
        chosen = [f"--image={image}"] if image else []
        try:
            with doing(f"kind makes {nodes} nodes"):
                _run(_kind(), "create", "cluster", *words, *chosen, "--wait=240s")
            _load(name, recipes)
            yield kubeconfig
        finally:
            delete(name)


def names() -> list[str]:
    """Of kind's clusters there."""
    run = subprocess.run([_kind(), "get", "clusters"], capture_output=True, text=True, check=False)
    return run.stdout.split()


def delete(name: str) -> None:
    """Delete a cluster if it is there."""
    words = [_kind(), "delete", "cluster", f"--name={name}", f"--kubeconfig={os.devnull}"]
    subprocess.run(words, capture_output=True, check=False)


def _have(image: str) -> None:
    there = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    if there.returncode != 0:
        with doing(f"docker pull {image}"):
            pulled = subprocess.run(
                ["docker", "pull", image], capture_output=True, text=True, check=False
            )
        if pulled.returncode != 0:
            raise CannotRunError(f"docker pull {image}: {pulled.stderr.strip()}; see --kind-image")


def _load(name: str, recipes: Sequence[Recipe]) -> None:
    for recipe in recipes:
        with doing(f"docker build of {recipe.name}"):
            dockerfile = f"--file={ROOT / recipe.dockerfile}"
            _run("docker", "build", dockerfile, f"--tag={recipe.name}", str(ROOT))
            _run(_kind(), "load", "docker-image", recipe.name, f"--name={name}")


def _kind() -> str:
    return shutil.which("kind") or str(parts.build(programs.kind()) / "kind")


def _run(*words: str) -> None:
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ClusterError(f"`{' '.join(words[:3])}`: {run.stderr.strip()[-1500:]}")
