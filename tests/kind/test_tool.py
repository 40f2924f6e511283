"""A cluster that kind makes is taken down whatever state it is in."""

from __future__ import annotations

import os
import signal
import subprocess

from cluster import records
from cluster.kind import docker, engine
from conformance.realclient import not_run
from e2e.clusters import Target
from processes.cluster import until
from support.clustertool import ROOT, TOOL, tool, traces

_UP_S = 120.0


def test_down_after_up_was_killed_while_docker_runs(target: Target) -> None:
    """No process, mount, control group or file is left; `target`: all is built, and can be here."""
    assert target.kubeconfig.exists()
    if docker.answers():
        not_run("kind without Docker", "there is a Docker engine, and it is used")
    name = f"run-{os.getpid()}-killed"
    work = records.work_folder(name)
    words = [*TOOL, "up", "--kind", "--nodes", "1", "--name", name]
    try:
        with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL) as up:
            until((work / engine.PLACE / "run" / engine.SOCKET).exists, _UP_S)
            up.send_signal(signal.SIGKILL)
        assert any("/dockerd" in each for each in traces(name))
    finally:
        down = tool("down", "--name", name)

    assert down.returncode == 0, down.stderr
    assert traces(name) == []
