"""Helm for one namespace of a cluster: what people use, so nothing here knows more than they."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from cluster import parts, versions
from cluster.plan import Plan

VERSIONS: Final = (versions.HELM, versions.HELM_4)
_PATIENCE_S: Final = 180.0


class Helm:
    """Runs a Helm on the cluster of a kubeconfig, in a namespace unless it is empty.

    Every call returns what Helm prints, and raises `AssertionError` with all it says when it fails.
    """

    def __init__(self, program: Path, kubeconfig: Path, namespace: str = "") -> None:
        self.namespace = namespace
        named = [f"--namespace={namespace}"] if namespace else []
        self._words = [str(program), f"--kubeconfig={kubeconfig}", *named]

    def __call__(self, *words: str, given: str = "") -> str:
        """Run any command of Helm's."""
        done = self.run_unchecked(*words, given=given)
        assert done.returncode == 0, f"helm {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def run_unchecked(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """What comes of a command, whether it fails or not."""
        return subprocess.run(
            [*self._words, *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def install(self, release: str, chart: Path, *words: str) -> str:
        """Install a chart; further arguments are Helm's own, such as `--set`, `--wait`."""
        return self("install", release, str(chart), *words)

    def upgrade(self, release: str, chart: Path, *words: str) -> str:
        """Upgrade a release to a chart."""
        return self("upgrade", release, str(chart), *words)

    def uninstall(self, release: str, *words: str) -> str:
        """Uninstall a release."""
        return self("uninstall", release, *words)

    def template(self, release: str, chart: Path, *words: str) -> str:
        """The objects of a chart, as YAML."""
        return self("template", release, str(chart), *words)

    def lint(self, chart: Path, *words: str) -> str:
        """Check a chart; a warning counts as an error."""
        return self("lint", "--strict", str(chart), *words)

    def test(self, release: str, *words: str) -> str:
        """Run the tests of a release; Helm 3 fails with `--logs`, as it removes their pod first."""
        return self("test", release, *words)


def helm(plan: Plan, namespace: str = "", version: str = versions.HELM) -> Helm:
    """A Helm of one of `VERSIONS` for a cluster, built if it is not there.

    Raises:
        ClusterError: it cannot be built.
    """
    return Helm(parts.build(parts.helm(version)) / "helm", plan.kubeconfig, namespace)
