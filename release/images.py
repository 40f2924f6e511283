"""Images for each architecture, as archives, by the builder that `charts/images.sh` finds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ARCHITECTURES: Final = ("amd64", "arm64")
_LAST_LINES: Final = 3


def build(root: Path, into: Path, words: Sequence[str] = ()) -> Mapping[str, str]:
    """Build all images for each architecture; why not, by the architecture that failed.

    `words` go to the builder. What is not of this machine's architecture it emulates, or not.
    """
    into.mkdir(parents=True, exist_ok=True)
    reasons = {name: _build(root, into, name, words) for name in ARCHITECTURES}
    return {name: reason for name, reason in reasons.items() if reason}


def _build(root: Path, into: Path, architecture: str, words: Sequence[str]) -> str:
    """Empty if they are built."""
    variables = {"SAVE_IN": str(into), "SAVE_AS": architecture}
    done = subprocess.run(
        [str(root / "charts" / "images.sh"), f"--platform=linux/{architecture}", *words],
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    for file in into.glob(f"*-{architecture}.tar"):
        file.unlink()
    return "\n".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
