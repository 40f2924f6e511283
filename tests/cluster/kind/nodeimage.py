"""The image of kind's nodes, built of packages: kind's own needs a registry of images."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from .. import components, parts
from ..archive import Image, write_archive
from ..errors import ClusterError
from ..parts import Part, Workshop
from ..versions import Kubernetes
from . import programs, recipe

_HERE: Final = Path(__file__).parent
_MANIFESTS: Final = {"default-cni.yaml": "network.yaml", "default-storage.yaml": "storage.yaml"}
_ARCHIVE: Final = "image.tar"
_FILES: Final = "images/base/files"


def built(version: Kubernetes) -> Path:
    """The archive of the image, as `docker save` writes it; older ones of this version go.

    Raises:
        ClusterError: it cannot be built.
    """
    folder = parts.build(node_image(version))
    parts.drop_unused(folder, f"{version}-")
    return folder / _ARCHIVE


def node_image(version: Kubernetes) -> Part:
    """What kind calls a node image: with all in it that a node and a control plane run."""
    needs = (parts.base(), parts.kubernetes(version), parts.coredns(), parts.pause())
    manifests = [(_HERE / name).read_text() for name in _MANIFESTS.values()]
    texts = [programs.KIND, *(part.key for part in needs), *recipe.MADE_OF, *manifests]
    key = f"{version}-{parts.digest(*(text.encode() for text in texts))}"

    def make(workshop: Workshop) -> None:
        base, kubernetes, coredns, pause = (parts.build(part) for part in needs)
        root = workshop.folder / "root"
        root.mkdir()
        unpack = 'tar -xOf "$1" layer.tar | tar -x --numeric-owner -C "$2"'
        workshop.run(["sh", "-ec", unpack, "sh", str(base / _ARCHIVE), str(root)])
        _shell(workshop, recipe.INSTALL, root)
        listed = _images(kubernetes / "kubernetes", version)
        files = parts.from_proxy(f"sigs.k8s.io/kind@v{programs.KIND}", "Dir") / _FILES
        _shell(workshop, recipe.CONFIGURE, root, files, recipe.pause_image(listed))
        _write_files(root, version)
        images = workshop.folder / "images"
        images.mkdir()
        _write_images(workshop, root, images, (kubernetes, coredns))
        shutil.copy(pause / _ARCHIVE, images / "pause.tar")
        tags = recipe.tags(listed, components.PAUSE_IMAGE)
        (images / "tags").write_text("".join(f"{one} {other}\n" for one, other in tags))
        _shell(workshop, recipe.IMPORT, root, images)
        shutil.rmtree(images)
        _pack(workshop, "root", recipe.node_image(version), workshop.folder / _ARCHIVE)

    return Part("kind-node", key, make)


def _write_files(root: Path, version: Kubernetes) -> None:
    """Write what is of this version, and the manifests that kind applies by itself."""
    (root / "kind" / "version").write_text(f"v{version}")
    (root / "usr" / "local" / "bin" / "keep-sysctls.sh").write_text(recipe.KEEP_SYSCTLS)
    for name, source in _MANIFESTS.items():
        shutil.copy(_HERE / source, root / "kind" / "manifests" / name)
    for name in recipe.NODE_PARTS:
        (root / "usr" / "bin" / name).symlink_to(recipe.PROGRAM)


def _write_images(workshop: Workshop, root: Path, images: Path, built: tuple[Path, Path]) -> None:
    """Write the images of Kubernetes' parts and of CoreDNS."""
    program, coredns = built
    tree = workshop.folder / "kubernetes"
    _shell(workshop, recipe.TOOLS, root, tree)
    target = tree / recipe.PROGRAM.lstrip("/")
    shutil.copy(program / "kubernetes", target)
    for name in recipe.PARTS:
        target.with_name(name).symlink_to(target.name)
    _pack(workshop, tree.name, recipe.KUBERNETES_IMAGE, images / "kubernetes.tar")
    tree = workshop.folder / "coredns"
    tree.mkdir()
    shutil.copy(coredns / "coredns", tree / recipe.COREDNS.lstrip("/"))
    _pack(workshop, tree.name, recipe.COREDNS_IMAGE, images / "coredns.tar")


def _pack(workshop: Workshop, tree: str, image: Image, archive: Path) -> None:
    """Make an archive of a tree, which goes."""
    layer = workshop.folder / f"{tree}.layer"
    workshop.run(parts.packed(tree, layer.name))
    shutil.rmtree(workshop.folder / tree)
    write_archive(archive, image, layer)
    layer.unlink()


def _shell(workshop: Workshop, script: str, *words: object) -> None:
    """Run a script in a mount namespace of its own: what it mounts cannot outlive it.

    In a process namespace, too: nothing that it starts outlives it.
    """
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    workshop.run([*own, "sh", "-ec", script, "sh", *map(str, words)])


def _images(program: Path, version: Kubernetes) -> list[str]:
    """The names of the images that kubeadm will ask for.

    Raises:
        ClusterError: it does not tell.
    """
    words = ["kubeadm", "config", "images", "list", f"--kubernetes-version=v{version}"]
    run = subprocess.run(words, executable=program, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ClusterError(f"`{' '.join(words)}`: {run.stderr.strip()}")
    return run.stdout.split()
