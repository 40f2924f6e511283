"""Images written by hand."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from cluster.archive import Image, write_archive


def test_archive_names_its_parts_by_their_digests(tmp_path: Path) -> None:
    """Containerd checks them when it unpacks."""
    layer, path = tmp_path / "layer.tar", tmp_path / "image.tar"
    with tarfile.open(layer, "w") as empty:
        empty.addfile(tarfile.TarInfo("file"))

    write_archive(path, Image("localhost/thing:1", entrypoint=("/thing",)), layer)

    with tarfile.open(path) as archive:
        held = {entry.name: _content(archive, entry) for entry in archive}
    (manifest,) = json.loads(held["manifest.json"])
    config = json.loads(held[manifest["Config"]])
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in held.items()}
    assert manifest["RepoTags"] == ["localhost/thing:1"]
    assert manifest["Config"] == f"{digests[manifest['Config']]}.json"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digests[manifest['Layers'][0]]}"]
    assert config["config"]["Entrypoint"] == ["/thing"]


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    data = archive.extractfile(entry)
    return data.read() if data else b""
