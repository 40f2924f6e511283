"""What is released is the same to the byte for the same sources, and whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import pytest
import yaml
from release import files
from release.versions import version

ROOT: Final = Path(__file__).parents[3]
SOURCES: Final = (
    *("charts", "crds", "operator", "registry", "sidecar"),
    *("LICENSE", "README.md", "pyproject.toml", ".gitignore"),
)
EPOCH: Final = 1_764_374_400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of this checkout."""
    folder = tmp_path_factory.mktemp("release")
    files.make(ROOT, folder, EPOCH)
    files.checksums(folder)
    return folder


def test_same_sources_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    """In another folder, with files of another time and other rights for the group."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy / name)
    for file in copy.rglob("*"):
        os.utime(file, (EPOCH - 1000, EPOCH - 1000))
        if file.is_file():
            file.chmod(file.stat().st_mode | 0o020)

    files.make(copy, tmp_path / "again", EPOCH)
    files.checksums(tmp_path / "again")

    sums = (made / files.SUMS).read_text()
    assert (tmp_path / "again" / files.SUMS).read_text() == sums
    assert len(sums.splitlines()) == 8


def test_checksums_are_those_of_the_files(made: Path) -> None:
    """In the format of `sha256sum --check`; of all files but itself."""
    listed = [line.split("  ") for line in (made / files.SUMS).read_text().splitlines()]

    assert {name: digest for digest, name in listed} == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in made.iterdir()
        if file.name != files.SUMS
    }


def test_wheel_and_sdist_have_all_programs(made: Path) -> None:
    """And the pages of the dashboard, which are no Python."""
    wanted = {
        "eureka_operator/__main__.py",
        "eureka_registry/http/static/index.html",
        "eureka_sidecar/__main__.py",
        "kubectl_eureka/__main__.py",
    }
    (wheel,) = made.glob("*.whl")
    (sdist,) = made.glob("*.tar.gz")

    assert wanted <= {*zipfile.ZipFile(wheel).namelist()}
    with tarfile.open(sdist) as tar:
        names = tar.getnames()
    assert all(any(name.endswith(each) for name in names) for each in wanted)
    assert not [name for name in names if "/tests/" in name]


@pytest.mark.parametrize("name", files.CHARTS)
def test_chart_has_all_of_its_files(made: Path, name: str) -> None:
    """As Helm reads it: below a folder of its name."""
    with tarfile.open(made / f"{name}-{version(ROOT)}.tgz") as tar:
        found = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        described = found[f"{name}/Chart.yaml"]
        assert described is not None
        assert yaml.safe_load(described.read())["name"] == name

    sources = [each for each in (ROOT / "charts" / name).rglob("*") if each.is_file()]
    assert {*found} == {
        f"{name}/{each.relative_to(ROOT / 'charts' / name)}"
        for each in sources
        if "__pycache__" not in each.parts
    }


def test_crds_are_one_file_for_kubectl(made: Path) -> None:
    """Whole documents, in the order of their names."""
    (file,) = made.glob("*-crds-*.yaml")

    assert [*yaml.safe_load_all(file.read_text())] == [
        yaml.safe_load(each.read_text()) for each in sorted((ROOT / "crds").glob("*.yaml"))
    ]


@pytest.mark.parametrize("program", ["operator", "registry", "sidecar"])
def test_bill_of_materials_lists_what_an_image_installs(made: Path, program: str) -> None:
    """By name and version; the sidecar installs nothing."""
    document = json.loads((made / f"{program}-{version(ROOT)}.cdx.json").read_text())
    pinned = [
        line.split()[0]
        for line in Path(ROOT / files.REQUIREMENTS[program]).read_text().splitlines()
        if "==" in line
    ]

    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["name"] == "eurekube"
    listed = [f"{each['name']}=={each['version']}" for each in document.get("components", [])]
    assert sorted(listed) == sorted(pinned)
