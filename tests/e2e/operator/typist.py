"""A new user at a shell in the repository's root, with kubectl and Helm on the path."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

from cluster import parts, versions
from cluster.images import ROOT
from e2e.clusters import Target
from support.kubectl import Kubectl

PATIENCE_S: Final = 1_300.0
"""Longer than the time limits of all commands in a block of the README together."""


class Typist:
    """Types commands; what names no namespace is in that of `kubectl`."""

    def __init__(self, target: Target, kubectl: Kubectl, folder: Path) -> None:
        config = folder / "kubeconfig"
        shutil.copy(target.kubeconfig, config)
        helm = parts.build(parts.helm(versions.HELM)) / "helm"
        for name, words in (("kubectl", kubectl.program), ("helm", [str(helm)])):
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {_unconfigured(words)} "$@"\n')
            program.chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {"PATH": path, "KUBECONFIG": str(config)}
        """The one of the shell."""
        self(f"kubectl config set-context --current --namespace={kubectl.namespace}")

    def __call__(self, command: str) -> str:
        """What a command prints; `AssertionError` with all it says when it fails."""
        done = self.run_unchecked(command)
        assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout

    def run_unchecked(self, command: str) -> subprocess.CompletedProcess[str]:
        """What comes of a command, whether it fails or not."""
        return subprocess.run(
            command,
            shell=True,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


def _unconfigured(words: list[str]) -> str:
    """The command line without the flag that names a cluster, as the environment does."""
    return shlex.join(word for word in words if not word.startswith("--kubeconfig="))
