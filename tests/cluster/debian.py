"""The programs a cluster takes that nobody builds: which are missing, and how to get them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .errors import CannotRunError
from .progress import doing, say

_CNI: Final = Path("/usr/lib/cni")
PACKAGES: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    str(_CNI / "bridge"): "containernetworking-plugins",
    str(_CNI / "host-local"): "containernetworking-plugins",
    str(_CNI / "portmap"): "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "tc": "iproute2",
    "sysctl": "procps",
    "nsenter": "util-linux",
    "mount": "mount",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
"""A program, or a file, and the Debian package that has it."""
FOR_POLICIES: Final = {"ipset": "ipset"}
"""The same for what kube-router takes besides."""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing(packages: Mapping[str, str] = PACKAGES) -> list[str]:
    """Debian packages of the programs that are not there."""
    return sorted({package for program, package in packages.items() if not _there(program)})


def provide(packages: Mapping[str, str] = PACKAGES) -> None:
    """Install what is missing, where that can be done without asking: as root, with apt-get.

    Raises:
        CannotRunError: something is missing and cannot be installed; it says how to.
    """
    wanted = missing(packages)
    if not wanted:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotRunError(install_hint(wanted))
    say(f"missing, and installed now with apt-get: {', '.join(wanted)}")
    with doing(f"installing {len(wanted)} Debian packages"):
        _apt_get("update")
        said = _apt_get("install", "--yes", "--no-install-recommends", *wanted)
    left = missing(packages)
    if left:
        raise CannotRunError(f"{install_hint(left)}; apt-get said: {said[-500:]}")


def install_hint(packages: list[str]) -> str:
    """The sentence for people."""
    names = " ".join(packages)
    return (
        f"missing on this machine: {names} (Debian packages; as root:"
        f" apt-get install --no-install-recommends {names})"
    )


def _there(program: str) -> bool:
    return shutil.which(program, path=_PATH) is not None


def _apt_get(*words: str) -> str:
    """Run apt-get; all that it says."""
    run = subprocess.run(
        ["apt-get", "-q", *words],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.stdout.strip()
