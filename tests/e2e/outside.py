"""A real client on this machine, which reaches one peer through a forwarded port."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conformance.realclient import RealClient
from e2e.peers import PATIENCE_S, Peers, pod_name
from processes.cluster import until

_PROGRAM: Final = Path(__file__).parents[1] / "conformance" / "python" / "client.py"


@contextmanager
def outside_client(peers: Peers, name: str) -> Iterator[RealClient]:
    """py_eureka_client, registered as OUTSIDE at a peer, and nowhere any more afterwards."""
    with peers.kubectl.forwarded(f"pod/{pod_name(name)}", 8761) as port:
        settings = {
            "eureka_server": f"http://127.0.0.1:{port}/eureka/",
            "app_name": "OUTSIDE",
            "instance_id": "outside:1",
            "instance_ip": "127.0.0.1",
            "instance_host": "outside.example",
            "instance_port": 9090,
            "renewal_interval_in_secs": 1,
            "duration_in_secs": 5,
        }
        with RealClient([sys.executable, str(_PROGRAM)], settings) as client:
            yield client
            client.stop()
        until(lambda: peers.is_absent("OUTSIDE"), PATIENCE_S)
