"""`make release`: wheel, sdist, charts, CRDs, images, bills of materials and checksums in `dist/`.

All but the images are the same bytes whenever the commit is the same. Words after `--` go to the
builder of images, such as --build-arg=BASE_IMAGE=...
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from release import files, images
from release.files import ReleaseError
from release.versions import disagreements, version

ROOT: Final = Path(__file__).parents[1]
_say: Final = Console(highlight=False, soft_wrap=True, markup=False)


def main(words: Sequence[str] | None = None) -> int:
    """Make it; 1 if something of it cannot be made."""
    parser = argparse.ArgumentParser(
        prog="make release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-images", action="store_true", help="leave the images out")
    parser.add_argument("builder", nargs="*", metavar="-- WORD", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    try:
        missing = _release(ROOT / "dist", images_too=not options.no_images, words=options.builder)
    except ReleaseError as error:
        _say.print(f"release: {error}", style="red")
        return 1
    for architecture, reason in missing.items():
        _say.print(f"no images for {architecture}: {reason}", style="yellow")
    return 1 if missing else 0


def _release(into: Path, *, images_too: bool, words: Sequence[str]) -> dict[str, str]:
    """Make all; why there are no images, by architecture."""
    commit = _commit()
    _say.print(f"release {version(ROOT)} of commit {commit}")
    shutil.rmtree(into, ignore_errors=True)
    files.make(ROOT, into, int(_git("log", "-1", "--format=%ct")))
    missing = dict(images.build(ROOT, into / "images", words)) if images_too else {}
    files.checksums(into)
    _show(into)
    return missing


def _commit() -> str:
    """The commit that is checked out.

    Raises:
        ReleaseError: there are changes beside it, or places that name another version.
    """
    changed = _git("status", "--porcelain")
    if changed:
        raise ReleaseError(f"commit these first, a release is of a commit:\n{changed}")
    wrong = disagreements(ROOT)
    if wrong:
        raise ReleaseError("all places must name one version:\n" + "\n".join(wrong))
    return _git("rev-parse", "--short", "HEAD")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"`git {' '.join(words)}`: {done.stderr.strip()}")
    return done.stdout.strip()


def _show(into: Path) -> None:
    table = Table("file", "kB", "sha256", box=None, pad_edge=False)
    for line in (into / files.SUMS).read_text().splitlines():
        digest, name = line.split("  ", 1)
        table.add_row(name, f"{(into / name).stat().st_size / 1000:,.0f}", digest[:16])
    _say.print(table)


if __name__ == "__main__":
    sys.exit(main())
