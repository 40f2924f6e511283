"""eureka-js-client against three peers: each client a process of its own, renewing often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.realclient import RealClient, not_run
from processes.cluster import DEFAULT_CLASS, LONG, Cluster, check_throughout, until
from processes.secured import PASSWORD, TOKEN, USER, Secured
from support.builds import NotBuiltError, built, need, output

TIER = "node conformance"
HERE = Path(__file__).parent
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
OLDEST_NODE = 14


@pytest.fixture(scope="module")
def modules() -> Path:
    """`node_modules` as the lock file says, in the user's cache."""
    try:
        need("node")
        _need_node()
        return built("node-client", HERE, INSTALL) / "node_modules"
    except NotBuiltError as error:
        not_run(TIER, str(error))


@pytest.fixture(scope="module")
def cluster(modules: Path) -> Iterator[Cluster]:
    """Three peers for the module; each test has applications of its own."""
    assert modules.is_dir()
    with Cluster() as cluster:
        yield cluster.start()


@pytest.fixture(params=[False, True], ids=["full", "delta"])
def delta(request: pytest.FixtureRequest) -> bool:
    """Whether the client uses deltas after its first fetch."""
    return bool(request.param)


@pytest.fixture(autouse=True)
def _modules(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the program where its modules are."""
    monkeypatch.setenv("EUREKUBE_NODE_MODULES", str(modules))


def client(cluster: Cluster, app: str, *, delta: bool = False) -> RealClient:
    """A client that knows all peers, the first one first."""
    settings = _settings([peer.url for peer in cluster.peers], app, delta=delta)
    return RealClient(["node", str(HERE / "client.js")], settings)


def _settings(urls: list[str], app: str, *, delta: bool = False) -> dict[str, object]:
    return {
        "shouldUseDelta": delta,
        "eureka": {
            "serviceUrls": {"default": [f"{url}apps/" for url in urls]},
            "heartbeatInterval": 500,
            "registryFetchInterval": 300,
            "requestRetryDelay": 100,
            "maxRetries": 3,
        },
        "instance": {
            "app": app,
            "instanceId": f"{app.lower()}:1",
            "hostName": "client.example",
            "ipAddr": "10.1.2.3",
            "port": {"$": 9090, "@enabled": True},
            "vipAddress": f"{app.lower()}.vip",
            "dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"},
            "leaseInfo": {"renewalIntervalInSecs": 1, "durationInSecs": 2},
            "metadata": {"colour": "blue & green", "a_b": "1"},
        },
    }


def test_registers_renews_and_deregisters(cluster: Cluster, *, delta: bool) -> None:
    """204, 200, 200 exactly, or it stops trying; its lease outlives its duration everywhere."""
    app = f"JsLife{delta}"  # it uses the name in the path as it is
    ids = {f"{app.lower()}:1"}
    with client(cluster, app, delta=delta) as real:
        until(lambda: cluster.everywhere(app.upper(), ids))

        check_throughout(lambda: cluster.everywhere(app.upper(), ids), 3.0)

        real.stop()
        until(lambda: cluster.everywhere(app.upper(), ()))
        assert "ERROR" not in real.log()
        assert "FAILED" not in real.log()


def test_sees_others_come_change_and_go(cluster: Cluster, *, delta: bool) -> None:
    """Departures reach it whether it fetches all or only changes.

    With deltas it keeps instances that stop being UP, and mixes up its cache by application where
    there are several instances; its cache by VIP is right.
    """
    app = f"JSOTHER{int(delta)}"
    one = cluster.peers[0]
    one.register(app, "o-1", leaseInfo=LONG)
    until(lambda: cluster.everywhere(app, {"o-1"}))
    with client(cluster, f"JSSEES{int(delta)}", delta=delta) as real:
        until(lambda: real.ask("apps").get(app) == {"o-1": "UP"})

        one.register(app, "o-2", leaseInfo=LONG)
        until(lambda: set(real.ask("vip", vip=app.lower())) == {"o-1", "o-2"})
        one.ask("DELETE", f"/apps/{app}/o-1")
        until(lambda: real.ask("vip", vip=app.lower()) == ["o-2"])
        one.ask("PUT", f"/apps/{app}/o-2/status?value=OUT_OF_SERVICE")

        until(lambda: _is_absent_or_out(real.ask("apps").get(app)))
        assert "ERROR" not in real.log()


def test_is_overridden_and_back_and_described(cluster: Cluster, *, delta: bool) -> None:
    """It has no call for either: an operator overrides, and it describes itself as it registers."""
    app = f"JSOVER{int(delta)}"
    own = f"{app.lower()}:1"
    two = cluster.peers[1]
    with client(cluster, app, delta=delta) as real:
        until(lambda: cluster.everywhere(app, {own}))
        until(lambda: real.ask("apps").get(app) == {own: "UP"})
        described = {"colour": "blue & green", "a_b": "1"}
        assert (two.instance(app, own) or {})["metadata"] == described
        assert real.ask("metadata", vip=f"{app.lower()}.vip") == described

        two.ask("PUT", f"/apps/{app}/{own}/status?value=OUT_OF_SERVICE")
        until(lambda: _is_absent_or_out(real.ask("apps").get(app)))
        check_throughout(
            lambda: _is_absent_or_out(real.ask("apps").get(app)), 1.5
        )  # its renewals say UP
        two.ask("DELETE", f"/apps/{app}/{own}/status?value=UP")

        until(lambda: real.ask("apps").get(app) == {own: "UP"})
        real.stop()


def test_follows_by_deltas_alone(cluster: Cluster) -> None:
    """It fetches everything once; what comes and goes afterwards reaches it by deltas."""
    one = cluster.peers[0]
    one.register("JSDELTA", "d-1", leaseInfo=LONG)
    until(lambda: cluster.everywhere("JSDELTA", {"d-1"}))
    with client(cluster, "JSALONE", delta=True) as real:
        until(lambda: real.ask("vip", vip="jsdelta") == ["d-1"])
        full, deltas = cluster.counter("get_all"), cluster.counter("get_all_delta")

        one.register("JSDELTA", "d-2", leaseInfo=LONG)
        until(lambda: set(real.ask("vip", vip="jsdelta")) == {"d-1", "d-2"})
        one.ask("DELETE", "/apps/JSDELTA/d-1")
        until(lambda: real.ask("vip", vip="jsdelta") == ["d-2"])

        assert cluster.counter("get_all") == full
        assert cluster.counter("get_all_delta") > deltas


def test_goes_on_with_the_next_server_when_its_own_is_killed(
    cluster: Cluster, *, delta: bool
) -> None:
    """The lease stays at the peers that live, for longer than it lasts."""
    app = f"JSKILL{int(delta)}"
    first, *others = cluster.peers
    with client(cluster, app, delta=delta) as real:
        until(lambda: cluster.everywhere(app, {f"{app.lower()}:1"}))
        first.kill()

        check_throughout(lambda: all(p.ids(app) == {f"{app.lower()}:1"} for p in others), 3.0)

        others[0].register(f"{app}NEW", "n-1", leaseInfo=LONG)
        until(lambda: real.ask("apps").get(f"{app}NEW") == {"n-1": "UP"})
        first.start()
        first.ready()
        real.stop()
        until(lambda: cluster.everywhere(app, ()))


def test_registers_again_when_all_peers_have_lost_everything(cluster: Cluster) -> None:
    """404 to its renewal makes it register."""
    with client(cluster, "JSLOST"):
        until(lambda: cluster.everywhere("JSLOST", {"jslost:1"}))
        for peer in cluster.peers:
            peer.kill()

        cluster.start()

        until(lambda: cluster.everywhere("JSLOST", {"jslost:1"}))


@pytest.mark.parametrize("by", ["password", "token"])
def test_registers_and_looks_up_over_tls(closed: Secured, by: str) -> None:
    """User and password in the URL, or a token by `requestMiddleware`; the CA by Node itself."""
    app = f"ORDERS-{by.upper()}"
    url = closed.place(USER, PASSWORD) if by == "password" else closed.url
    settings = {**_settings([url], app), **({"bearer": TOKEN} if by == "token" else {})}
    trust = {"NODE_EXTRA_CA_CERTS": closed.authority.path}
    with RealClient(["node", str(HERE / "client.js")], settings, variables=trust) as real:
        until(lambda: closed.status(app, f"{app.lower()}:1") == "UP")
        until(lambda: real.ask("apps").get(app) == {f"{app.lower()}:1": "UP"})
        real.stop()
        until(lambda: not closed.status(app, f"{app.lower()}:1"))


def _is_absent_or_out(instances: dict[str, Any] | None) -> bool:
    return not instances or "UP" not in instances.values()


def _need_node() -> None:
    words = output("node", "--version")
    major = words.removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        not_run(TIER, f"node is {words or 'broken'}, {OLDEST_NODE} or newer is needed")
