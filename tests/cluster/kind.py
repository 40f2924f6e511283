"""`make e2e-kind`: the tests of tests/e2e on a cluster that kind makes. Needs Docker.

Not for machines without Docker: `make e2e` needs none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .images import RECIPES, ROOT

_CONFIG: Final = Path(__file__).with_name("kind.yaml")
_CANNOT_RUN: Final = 3


def main(words: Sequence[str]) -> int:
    """Make a cluster, give it the images, run the tests with further arguments, delete it."""
    missing = [tool for tool in ("docker", "kind", "kubectl") if shutil.which(tool) is None]
    if missing:
        sys.stderr.write(f"e2e-kind: not installed: {', '.join(missing)}; `make e2e` needs none\n")
        return _CANNOT_RUN
    name = f"eurekube-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="eurekube-kind-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            _run("kind", "create", "cluster", f"--name={name}", f"--config={_CONFIG}",
                 f"--kubeconfig={kubeconfig}", "--wait=120s")  # fmt: skip
            for recipe in RECIPES:
                dockerfile = f"--file={ROOT / recipe.dockerfile}"
                _run("docker", "build", dockerfile, f"--tag={recipe.name}", str(ROOT))
                _run("kind", "load", "docker-image", recipe.name, f"--name={name}")
            tests = [sys.executable, "-m", "pytest", "tests/e2e", f"--kubeconfig={kubeconfig}"]
            return subprocess.run([*tests, *words], cwd=ROOT, check=False).returncode
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"e2e-kind: `{' '.join(error.cmd)}` failed, see above\n")
            return 1
        finally:
            subprocess.run(["kind", "delete", "cluster", f"--name={name}"], check=False)


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
