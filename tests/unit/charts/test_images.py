"""`make images` takes the tool that works, and says how the images get onto a cluster."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.rendering import CHARTS

_TOOLS = ("docker", "podman", "buildah")
_OF_THE_SYSTEM = ("sh", "sed", "head", "dirname")


@pytest.mark.parametrize(
    ("works", "push", "load", "prefix"),
    [
        (
            ("docker", "podman", "buildah"),
            "docker tag eurekube/operator:0.1.0 REGISTRY/eurekube/operator:0.1.0",
            "kind load docker-image eurekube/operator:0.1.0",
            "",
        ),
        (
            ("podman", "buildah"),
            "podman push eurekube/operator:0.1.0 REGISTRY/eurekube/operator:0.1.0",
            "podman save --output /tmp/operator.tar eurekube/operator:0.1.0",
            " --set image.registry=localhost",
        ),
        (
            ("buildah",),
            "buildah push eurekube/operator:0.1.0 REGISTRY/eurekube/operator:0.1.0",
            "docker-archive:/tmp/operator.tar:localhost/eurekube/operator:0.1.0",
            " --set image.registry=localhost",
        ),
    ],
    ids=_TOOLS,
)
def test_first_tool_that_works_builds_all_images(
    tmp_path: Path, works: tuple[str, ...], push: str, load: str, prefix: str
) -> None:
    """Docker without its daemon does not; podman and buildah name images below localhost/."""
    done = _run(tmp_path, works, "--build-arg=BASE_IMAGE=mine")

    assert done.returncode == 0, done.stderr
    assert [line for line in (tmp_path / "log").read_text().splitlines() if " build " in line] == [
        f"{works[0]} build --file {name}/Dockerfile --tag eurekube/{name}:0.1.0"
        " --build-arg=BASE_IMAGE=mine ."
        for name in ("registry", "operator", "sidecar")
    ]
    assert push in done.stdout
    assert load in done.stdout
    assert done.stdout.splitlines()[-1].endswith(f"--create-namespace{prefix}")


@pytest.mark.parametrize(
    ("tool", "save"),
    [
        ("docker", "docker save --output {file} {image}"),
        ("podman", "podman save --output {file} {image}"),
        ("buildah", "buildah push --quiet {image} docker-archive:{file}:{image}"),
    ],
)
def test_images_are_saved_as_archives_for_a_release(tmp_path: Path, tool: str, save: str) -> None:
    """One for each, named after program, version and architecture."""
    done = _run(tmp_path, (tool,), "--platform=linux/arm64", SAVE_IN="/out", SAVE_AS="arm64")

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line for line in lines if "/out" in line] == [
        save.format(file=f"/out/{name}-0.1.0-arm64.tar", image=f"eurekube/{name}:0.1.0")
        for name in ("registry", "operator", "sidecar")
    ]
    assert all("--platform=linux/arm64" in line for line in lines if " build " in line)


def test_without_a_tool_the_reason_is_said(tmp_path: Path) -> None:
    """A person learns what to install."""
    done = _run(tmp_path, ())

    assert done.returncode == 1
    assert "docker, podman or buildah" in done.stderr


def _run(
    folder: Path, works: tuple[str, ...], *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The script among stand-ins for the tools, which write down how they were called."""
    programs = folder / "bin"
    programs.mkdir()
    for name in _OF_THE_SYSTEM:
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    for name in {*works, "docker"}:  # docker's client may be there without its daemon
        program = programs / name
        code = 0 if name in works else 1
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\nexit {code}\n')
        program.chmod(0o755)
    return subprocess.run(
        [str(CHARTS / "images.sh"), *words],
        env={"PATH": str(programs), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
