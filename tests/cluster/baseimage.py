"""The recipe of the tests' base image: Debian's Python where `python:3.11-slim` has its own.

The product's Dockerfiles say `FROM ${BASE_IMAGE}` and are built unchanged on either. Only this
image knows how the machine reaches package indexes: its authorities and pip's settings are
copied into it (`docs/test-cluster.md#images`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from . import versions
from .archive import Image

NAME: Final = f"localhost/python:{versions.PYTHON}-slim"
_MIRROR: Final = "http://deb.debian.org/debian"
_PACKAGES: Final = ("python3-minimal", "python3-pip", "python3-venv", "ca-certificates")
_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"
_PIP_CONF: Final = "/etc/pip.conf"

SCRIPT: Final = """
cd "$1"
ln -sf /usr/bin/python3 usr/local/bin/python
ln -sf /usr/bin/python3 usr/local/bin/python3
ln -sf /usr/bin/pip3 usr/local/bin/pip
rm -f usr/lib/python3*/EXTERNALLY-MANAGED
rm -rf var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/* var/log/*
PYTHONHASHSEED=0 chroot . python3 -m compileall -qf --invalidation-mode unchecked-hash usr/lib/python3*
rm -rf usr/share/doc/* usr/share/man/* usr/share/locale/* usr/share/info/*
"""  # noqa: E501 - a line of shell
"""Makes the tree at `$1` look like `python:3.11-slim` to a Dockerfile, and smaller.

Python's modules are compiled so that they do not depend on the time of their sources, which the
archive sets to 0: else each start of a program would compile them all, with a read-only root.
"""


def debootstrap(root: str) -> list[str]:
    """The command that makes the tree."""
    include = f"--include={','.join(_PACKAGES)}"
    mirror = os.environ.get("DEBIAN_MIRROR") or _MIRROR
    return ["debootstrap", "--variant=minbase", include, versions.DEBIAN, root, mirror]


def machine_files() -> dict[str, bytes]:
    """Files of this machine that a `pip install` in the image needs here."""
    bundle = Path(os.environ.get("SSL_CERT_FILE") or _BUNDLE)
    files = {_PIP_CONF: _pip_conf().encode()}
    if bundle.exists():
        files[_BUNDLE] = bundle.read_bytes()
    return files


def image() -> Image:
    """How the image is called and started."""
    path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    variables = {"PATH": path, "LANG": "C.UTF-8"}
    return Image(NAME, command=("python3",), environment=variables)


def _pip_conf() -> str:
    """What pip here is told by its environment about where packages are."""
    lines = ["[global]", f"cert = {_BUNDLE}", "timeout = 180"]
    for option in ("index-url", "extra-index-url", "trusted-host"):
        value = os.environ.get(f"PIP_{option.upper().replace('-', '_')}")
        if value:
            lines.append(f"{option} = {value}")
    return "\n".join(lines) + "\n"
