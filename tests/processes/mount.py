"""A ConfigMap as the kubelet mounts it: `NAME -> ..data/NAME`, `..data -> ..N`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from processes.cluster import PeerProcess


class Mount:
    """Files that change all at once, by a swap of the link to their directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = 0
        self._files: dict[str, str] = {}
        path.mkdir()

    @property
    def peers(self) -> Path:
        """The list of peers."""
        return self.path / "peers.json"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.path / "config.json"

    def write(self, name: str, text: str) -> None:
        """Change one file, as `AtomicWriter` does: the old files' directory is then removed."""
        self._files[name] = text
        old = self.path / f"..{self._version}"
        self._version += 1
        new = self.path / f"..{self._version}"
        new.mkdir()
        for each, content in self._files.items():
            (new / each).write_text(content)
        beside = self.path / "..data_tmp"
        beside.symlink_to(new.name)
        beside.replace(self.path / "..data")
        if not (self.path / name).is_symlink():
            (self.path / name).symlink_to(f"..data/{name}")
        if old.exists():
            shutil.rmtree(old)

    def list(
        self,
        generation: int,
        *peers: PeerProcess,
        names: Mapping[str, str] | None = None,
        **states: str,
    ) -> None:
        """Put a valid list of peers; `names` by pod."""
        entries = [
            {"name": p.name, "url": p.url, "state": states.get(p.name, "active")} for p in peers
        ]
        document: dict[str, object] = {"generation": generation, "peers": entries}
        if names is not None:
            document["names"] = names
        self.write("peers.json", json.dumps(document))
