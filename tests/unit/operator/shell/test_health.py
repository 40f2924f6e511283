"""What the probes are answered with."""

from __future__ import annotations

import aiohttp
import pytest
from kubernetes.aio.client import Configuration

from eureka_operator.shell.client import Client
from eureka_operator.shell.health import Health
from eureka_operator.shell.leader import Elector
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.options import LeaseTimes


class Replica:
    """Health of a replica whose clock the test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        client = Client(Configuration())  # sends nothing here
        self.elector = Elector(client, "eurekube", "me", LeaseTimes(), lambda: self.now_s)
        self.elector.problem = None
        self.metrics = Metrics()
        self.health = Health(self.elector, self.metrics, 60.0, lambda: self.now_s)

    def advance(self, seconds: float) -> None:
        """Time passes while the elector turns."""
        self.now_s += seconds
        self.elector.last_turn_s = self.now_s


def test_standby_is_live_while_its_elector_turns() -> None:
    """It looks at no cluster, however long."""
    replica = Replica()
    replica.advance(100_000)
    assert replica.health.why_not_live() is None

    replica.now_s += 25

    assert replica.health.why_not_live() == "the elector has not turned for 25 s"


def test_leader_is_live_while_it_looks_at_all_clusters() -> None:
    """A loop that breathes proves nothing."""
    replica = Replica()
    replica.health.note_resync(complete=True)
    replica.advance(210)
    assert replica.health.why_not_live() is None

    replica.advance(1)

    assert replica.health.why_not_live() == "the clusters were last looked at 211 s ago"


def test_absent_api_server_is_no_reason_for_a_restart() -> None:
    """It would not come back sooner; but the metric shows it."""
    replica = Replica()
    replica.health.note_resync(complete=True)
    replica.advance(150)
    replica.health.note_resync(complete=False)
    replica.advance(150)

    assert replica.health.why_not_live() is None
    text = replica.metrics.exposition().decode()
    assert "eureka_operator_resync_age_seconds 300.0" in text


def test_replica_is_ready_when_nothing_keeps_it_from_leading() -> None:
    """Both are, the leader and the standby."""
    replica = Replica()
    assert replica.health.why_not_ready() is None

    replica.health.problem = "no CRD"
    assert replica.health.why_not_ready() == "no CRD"

    replica.elector.problem = "the API server cannot be reached"
    assert replica.health.why_not_ready() == "the API server cannot be reached"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_pages_answer_over_http(host: str) -> None:
    """On both families."""
    replica = Replica()
    replica.health.problem = "no CRD"
    address = f"[{host}]" if ":" in host else host
    async with (
        replica.health.serve(host, 0) as port,
        aiohttp.ClientSession(f"http://{address}:{port}") as session,
    ):
        answers = {}
        for path in ("/livez", "/readyz", "/metrics", "/other"):
            async with session.get(path) as answer:
                answers[path] = (answer.status, await answer.text())

    assert answers["/livez"] == (200, "ok\n")
    assert answers["/readyz"] == (503, "no CRD\n")
    assert "eureka_operator_leader 0.0" in answers["/metrics"][1]
    assert answers["/other"] == (404, "nothing here; there are /livez, /readyz, /metrics\n")
