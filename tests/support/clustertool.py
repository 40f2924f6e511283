"""The tool that makes clusters, as people call it, and what a cluster has left on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from cluster import processes, records

ROOT: Final = Path(__file__).parents[2]
TOOL: Final = (sys.executable, "-m", "tests.cluster")


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(
        [*TOOL, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def traces(name: str) -> list[str]:
    """What is left of a cluster: processes, control groups, mounts, its work folder."""
    work = records.work_folder(name)
    left = [f"process {each.pid} {each.label}" for each in processes.marked(work)]
    left += [str(group) for group in Path("/sys/fs/cgroup").glob(f"**/eurekube/{name}")]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    left += [line for line in mounts if str(work) in line]
    return [*left, *([str(work)] if work.exists() else [])]
