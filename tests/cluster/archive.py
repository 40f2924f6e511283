"""Images written by hand: one layer, in the form that `docker save` writes.

containerd, buildah and Docker all read it, and writing it takes no tool.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_LAYER: Final = "layer.tar"
_LONG_AGO: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Image:
    """How an image is called and started."""

    name: str
    """With a tag other than `latest`: with that one the kubelet would ask a registry."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"


def write_archive(path: Path, image: Image, layer: Path) -> None:
    """Write an image whose files are those of the tar archive `layer`."""
    config = json.dumps(_config(image, _digest(layer)), sort_keys=True).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [image.name], "Layers": [_LAYER]}]
    with tarfile.open(path, "w") as archive:
        _add(archive, name, config)
        archive.add(layer, _LAYER)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _config(image: Image, layer: str) -> dict[str, object]:
    started: dict[str, object] = {
        "StopSignal": image.stop_signal,
        "Entrypoint": list(image.entrypoint) or None,
        "Cmd": list(image.command) or None,
        "Env": [f"{key}={value}" for key, value in image.environment.items()],
    }
    machine = platform.machine()
    return {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "created": _LONG_AGO,
        "config": started,
        "history": [{"created": _LONG_AGO}],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
