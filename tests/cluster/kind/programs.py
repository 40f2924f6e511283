"""The programs that make a cluster by kind: Docker's engine, out of Debian's packages, and kind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from .. import parts
from ..errors import CannotRunError
from ..parts import Part, Workshop

KIND: Final = "0.33.0"
_PACKAGES: Final = ("docker.io", "libdevmapper1.02.1")
"""containerd and runc are those of the other clusters, see `debian.PACKAGES`."""
_RELEASE: Final = Path("/etc/os-release")
_UNPACK: Final = """
mkdir -p apt/lists/partial apt/cache/archives/partial debs
own="-q -o Dir::State::Lists=$PWD/apt/lists -o Dir::Cache=$PWD/apt/cache"
own="$own -o APT::Sandbox::User=root"
apt-get $own update
cd debs
apt-get $own download "$@"
cd ..
for package in debs/*.deb; do dpkg -x "$package" root; done
rm -rf apt debs root/usr/share root/usr/bin/dnet root/usr/sbin/ovrouter
"""
"""Unpacks Debian packages into `root`: nothing is installed, and apt's own lists stay."""


def engine() -> Part:
    """Docker's engine and client below `root`, from the packages of this machine's Debian."""
    release = _RELEASE.read_bytes() if _RELEASE.exists() else b""
    key = parts.digest(release, " ".join(_PACKAGES).encode(), _UNPACK.encode())

    def make(workshop: Workshop) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise CannotRunError("Docker is not installed, and this machine has no Debian packages")
        workshop.run(["sh", "-ec", _UNPACK, "sh", *_PACKAGES])

    return Part("docker", key, make)


def kind() -> Part:
    """The program `kind`."""
    return parts.installed("kind", KIND, "sigs.k8s.io/kind")
