"""One version, wherever it stands."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest
from release.versions import disagreements, version

ROOT: Final = Path(__file__).parents[3]
FILES: Final = (
    "pyproject.toml",
    "CHANGELOG.md",
    "README.md",
    "charts/eurekube/Chart.yaml",
    "charts/eureka-cluster/Chart.yaml",
    "examples/demo/shop.yaml",
    "operator/eureka_operator/__init__.py",
    "registry/eureka_registry/__init__.py",
    "sidecar/eureka_sidecar/__init__.py",
)


def test_all_places_name_the_version_of_the_package() -> None:
    """Package, programs, charts, images, README and changelog."""
    assert disagreements(ROOT) == []


@pytest.mark.parametrize("name", FILES[1:])
def test_place_that_was_forgotten_is_named(tmp_path: Path, name: str) -> None:
    """Each of them, when all others have got the next version."""
    old = version(ROOT)
    (tmp_path / "docs").mkdir()
    for each in FILES:
        target = tmp_path / each
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / each, target)
        if each != name:
            target.write_text(target.read_text().replace(old, "9.8.7"))

    found = disagreements(tmp_path)

    assert found
    assert all(name in each and old in each for each in found)
