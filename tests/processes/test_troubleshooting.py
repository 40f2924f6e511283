"""The commands of docs/troubleshooting.md that any peer can answer, typed as they stand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from processes.cluster import Cluster, PeerProcess

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text()
COMMANDS = re.findall(r"^(curl .*localhost:(?:8761|9761)\S*)$", PAGE, re.MULTILINE)


def test_commands_show_what_the_page_says() -> None:
    """The peer's own view, an application as it was sent, and a lease that is removed."""
    if shutil.which("curl") is None:
        pytest.skip("not run: commands of docs/troubleshooting.md: there is no curl here")
    view, application, removal = COMMANDS
    with Cluster(1) as cluster:
        (peer,) = cluster.start().peers
        peer.register("ORDERS", "host-a:orders:8080")

        assert "selfPreservation" in json.loads(_typed(view, peer))
        listed = json.loads(_typed(application, peer))["application"]["instance"]
        removed = _typed(removal, peer)

    assert [each["instanceId"] for each in listed] == ["host-a:orders:8080"]
    assert listed[0]["overriddenStatus"] == "UNKNOWN"
    assert removed == ""


def _typed(command: str, peer: PeerProcess) -> str:
    """What a command prints, asked of this peer's ports instead of the page's."""
    ports = {"8761": str(peer.port), "9761": str(peer.management_port)}
    here = re.sub(r"localhost:(\d+)", lambda found: f"localhost:{ports[found[1]]}", command)
    done = subprocess.run(here, shell=True, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout
