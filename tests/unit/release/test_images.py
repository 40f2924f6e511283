"""Images of a release: what cannot be built is named, with the reason."""

from __future__ import annotations

from pathlib import Path

from release import images

SCRIPT = """#!/bin/sh
case $1 in
  --platform=linux/amd64) touch "$SAVE_IN/registry-1-$SAVE_AS.tar" ;;
  *) touch "$SAVE_IN/registry-1-$SAVE_AS.tar"; echo "exec format error: $2" >&2; exit 1 ;;
esac
"""


def test_architecture_that_cannot_be_built_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    """The other one is there."""
    script = tmp_path / "charts" / "images.sh"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o755)

    missing = images.build(tmp_path, tmp_path / "images", ["--build-arg=BASE_IMAGE=mine"])

    assert missing == {"arm64": "exec format error: --build-arg=BASE_IMAGE=mine"}
    assert [each.name for each in (tmp_path / "images").iterdir()] == ["registry-1-amd64.tar"]
