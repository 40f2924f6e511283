"""The sidecar as a pod has it: from its image, without a container, or compiled like there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

import msgspec

from cluster import images
from cluster.errors import CannotRunError, ClusterError

_PACKAGE: Final = Path(__file__).parents[1] / "sidecar" / "eureka_sidecar"
_NOBODY: Final = "65532:65532"


class Program(msgspec.Struct, frozen=True):
    """How the sidecar is started; `beyond_kib` is what its image has beyond its base, if known."""

    words: list[str]
    source: str
    beyond_kib: float | None = None


def program(folder: Path) -> Program:
    """The image's, if it can be built here and we are root; else the checkout's, compiled alike."""
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("buildah"):
        try:
            return _of_image(images.built(images.SIDECAR), folder / "root")
        except (CannotRunError, ClusterError) as error:
            return _of_checkout(folder, f"the checkout, as no image can be built: {error}")
    return _of_checkout(folder, "the checkout, as images are built by root with buildah only")


def _of_image(archive: Path, root: Path) -> Program:
    """Unpack an image as `docker save` writes it."""
    with tarfile.open(archive) as image:
        layers = _document(image, "manifest.json")[0]["Layers"]
        sizes = [image.getmember(each).size / 1024 for each in layers]
        for layer in layers:
            with tarfile.open(fileobj=image.extractfile(layer)) as files:
                files.extractall(root, filter="tar")
    words = ["chroot", f"--userspec={_NOBODY}", str(root), "eureka-sidecar"]
    return Program(words, "the image, by chroot", sum(sizes[1:]))


def _document(image: tarfile.TarFile, name: str) -> Any:  # noqa: ANN401 - JSON
    file = image.extractfile(name)
    assert file is not None
    return json.load(file)


def _of_checkout(folder: Path, source: str) -> Program:
    shutil.copytree(_PACKAGE, folder / _PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    mode = "--invalidation-mode=unchecked-hash"
    subprocess.run([sys.executable, "-m", "compileall", "-q", mode, str(folder)], check=True)  # noqa: S603 - ours
    start = folder / "start.py"
    start.write_text(
        f"import sys\nsys.path.append({str(folder)!r})\n"
        "from eureka_sidecar.__main__ import main\nsys.exit(main())\n"
    )
    return Program([sys.executable, "-IS", str(start)], source)
