"""hudl/fargo, the client of Go programs, in XML and in JSON.

It chooses a server at random for every request and does not try another one
(`docs/protocol/clients.md#go`), so fail-over is its user's business: what is asked again arrives.
It knows no deltas, and no way back from an override.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.realclient import RealClient
from processes.cluster import LONG, Cluster, check_throughout, until
from processes.secured import PASSWORD, USER, Secured


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three peers for the module; each test has applications of its own."""
    with Cluster() as cluster:
        yield cluster.start()


def test_registers_and_looks_up_over_tls(closed: Secured, programs: Path) -> None:
    """User and password in the URL; the CA is Go's own business."""
    url = closed.place(USER, PASSWORD).removesuffix("/")
    settings = {"urls": [url], "app": "ORDERS-GO", "id": "go:1", "json": True}
    trust = {"SSL_CERT_FILE": closed.authority.path}
    with RealClient([str(programs / "fargo")], settings, variables=trust) as real:
        assert real.ask("register") == "done"
        assert closed.status("ORDERS-GO", "go:1") == "UP"
        assert real.ask("renew") == "done"
        assert real.ask("app", app="ORDERS-GO") == {"go:1": "UP"}
        assert real.ask("deregister") == "done"
        assert not closed.status("ORDERS-GO", "go:1")
        real.stop()


@pytest.mark.parametrize("form", ["xml", "json"])
def test_whole_life(cluster: Cluster, programs: Path, form: str) -> None:
    """Registers, renews, is overridden, describes itself, sees others, goes on without a peer."""
    app, other = f"GO{form.upper()}", f"GOOTHER{form.upper()}"
    own = f"{app.lower()}:1"
    one, two, _ = cluster.peers
    one.register(other, "o-1", leaseInfo=LONG)
    settings = {
        "urls": [peer.url.removesuffix("/") for peer in cluster.peers],
        "app": app,
        "id": own,
        "json": form == "json",
    }
    with RealClient([str(programs / "fargo")], settings) as real:
        assert real.ask("register") == "done"
        until(lambda: cluster.everywhere(app, {own}))
        check_throughout(
            lambda: real.ask("renew") == "done" and cluster.everywhere(app, {own}), 4.0
        )

        assert real.ask("describe", key="colour", value="blue") == "done"
        until(lambda: real.ask("metadata", key="colour") == "blue")
        assert real.ask("override", value="OUT_OF_SERVICE") == "done"
        until(lambda: real.ask("app", app=app) == {own: "OUT_OF_SERVICE"})
        assert two.ask("DELETE", f"/apps/{app}/{own}/status?value=UP").status == 200
        until(lambda: real.ask("app", app=app) == {own: "UP"})
        until(lambda: real.ask("apps").get(other) == {"o-1": "UP"})
        assert real.ask("vip", vip=other.lower()) == {"o-1": "UP"}

        one.kill()
        until(lambda: real.ask("renew") == "done")
        until(lambda: real.ask("app", app=other) == {"o-1": "UP"})
        one.start()
        one.ready()
        until(lambda: real.ask("deregister") == "done")
        until(lambda: cluster.everywhere(app, ()))
        real.stop()
