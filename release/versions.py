"""The places that name the version, and what each of them says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MODULES: Final = (
    "operator/eureka_operator/__init__.py",
    "registry/eureka_registry/__init__.py",
    "sidecar/eureka_sidecar/__init__.py",
)
_CHARTS: Final = ("charts/eurekube/Chart.yaml", "charts/eureka-cluster/Chart.yaml")
_PAGES: Final = ("README.md", "docs", "examples")
_NUMBER: Final = r"(\d+\.\d+\.\d+)"
_IMAGE: Final = re.compile(rf"\beurekube/(?:registry|operator|sidecar):{_NUMBER}")
_SHOWN: Final = re.compile(rf"^eureka .* Ready +{_NUMBER} ", re.MULTILINE)
"""The table of the README's `kubectl get ekc`."""


def version(root: Path) -> str:
    """The version of the package, which all others have to be."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def disagreements(root: Path) -> list[str]:
    """Places that name another version, as sentences."""
    wanted = version(root)
    return [f"{place}: {found}, not {wanted}" for place, found in _named(root) if found != wanted]


def _named(root: Path) -> Iterator[tuple[str, str]]:
    """All places, and the version there; `none` where it is missing."""
    for module in _MODULES:
        yield module, _first(rf'^__version__ = "{_NUMBER}"$', root / module)
    for chart in _CHARTS:
        yield f"{chart} version", _first(rf"^version: {_NUMBER}$", root / chart)
        yield f"{chart} appVersion", _first(rf'^appVersion: "{_NUMBER}"$', root / chart)
    yield "CHANGELOG.md, newest section", _first(r"^## (.+)$", root / "CHANGELOG.md")
    yield "README.md, kubectl get ekc", _first(_SHOWN.pattern, root / "README.md")
    for page in _PAGES:
        yield from _images(root, root / page)


def _images(root: Path, where: Path) -> Iterator[tuple[str, str]]:
    """Tags of our images in a file, or in the files of a folder."""
    for file in sorted(where.rglob("*")) if where.is_dir() else [where]:
        if file.suffix in (".md", ".yaml"):
            for tag in _IMAGE.findall(file.read_text()):
                yield f"{file.relative_to(root)}, tag of an image", tag


def _first(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    return found[1] if found else "none"
