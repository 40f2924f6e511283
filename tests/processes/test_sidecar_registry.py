"""Registries that are away, several, elsewhere or older: what a sidecar makes of each."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from processes.cluster import (
    Cluster,
    PeerProcess,
    Reply,
    ask,
    check_throughout,
    free_port,
    until,
)
from support.faultproxy import Fault, FaultProxy
from support.sidecars import SOON, Application, Sidecar

Record = Callable[[str, object], None]

TEN_MINUTES_BEHIND: Final = (
    sys.executable,
    "-c",
    """
import sys, time
now = time.time_ns
time.time_ns = lambda: now() - 600 * 10**9
from eureka_sidecar.__main__ import main
sys.exit(main())
""",
)
"""The program on a machine whose clock is behind; this machine's must stay as it is."""


def _shown(registry: PeerProcess, sidecar: Sidecar) -> str:
    found = registry.instance(sidecar.app, sidecar.id)
    return found["status"] if found else ""


def test_registry_that_comes_and_goes(application: Application) -> None:
    """Absent at the start, there, killed, back without memory, and gone for good.

    All that time the sidecar stays and says why; when it is told to end it does, with the lease
    left to end by itself.
    """
    with Cluster(1) as cluster:
        (registry,) = cluster.peers
        flags = ("--registry", registry.url, "--grace", "6", *SOON)
        with Sidecar("patient", application.port, *flags) as sidecar:
            until(lambda: sidecar.problem() == "unreachable")
            waiting = sidecar.ask("status")
            assert waiting.returncode == 1
            assert "not registered; next attempt in" in waiting.stdout
            assert "refuses connections (unreachable)" in waiting.stdout

            cluster.start()
            until(lambda: _shown(registry, sidecar) == "UP")
            until(lambda: not sidecar.problem())
            assert "STARTING" not in sidecar.log.partition("refuses connections")[2]

            registry.kill()
            until(lambda: sidecar.problem() == "unreachable")
            assert sidecar.lease()["state"] == "registered"  # until a registry says otherwise
            cluster.start()
            until(lambda: _shown(registry, sidecar) == "UP")
            assert "does not know the lease any more" in sidecar.log

            registry.kill()
            until(lambda: sidecar.problem() == "unreachable")
            assert "refuses connections" in sidecar.ask("status").stdout
            assert sidecar.terminate() == 0
            assert "the lease ends by itself" in sidecar.log


def test_preferred_peer_is_kept_until_it_dies(application: Application) -> None:
    """Each peer knows the lease from the others: a change of the peer needs no registration.

    The removal is no exception: it goes to whoever answers.
    """
    with Cluster(3) as cluster:
        first, second, third = cluster.start().peers
        urls = ",".join(peer.url for peer in cluster.peers)
        with Sidecar("sticky", application.port, "--registry", urls, *SOON) as sidecar:
            until(lambda: cluster.everywhere("STICKY", {sidecar.id}))
            until(lambda: all(_shown(peer, sidecar) == "UP" for peer in cluster.peers))
            check_throughout(lambda: sidecar.lease()["url"] == first.url, 2.5)

            first.kill()
            until(lambda: sidecar.lease()["url"] == second.url)
            check_throughout(lambda: _shown(third, sidecar) == "UP", 4.0)  # longer than its lease

            assert sidecar.lease()["url"] == second.url
            assert "does not know the lease" not in sidecar.log

            second.kill()  # with the removal about to be sent
            assert sidecar.terminate() == 0
            assert _shown(third, sidecar) == ""


def test_several_registries_are_kept_independently(
    registry: PeerProcess, application: Application
) -> None:
    """While an old registry is being replaced both list it; one that is dead harms no other."""
    dead = f"http://127.0.0.1:{free_port()}/eureka/"
    with Cluster(1) as cluster:
        (other,) = cluster.start().peers
        flags = [flag for url in (registry.url, dead, other.url) for flag in ("--registry", url)]
        with Sidecar("twice", application.port, *flags, "--grace", "6", *SOON) as sidecar:
            until(lambda: _shown(registry, sidecar) == _shown(other, sidecar) == "UP")
            until(lambda: sidecar.problem(1) == "unreachable")
            assert sidecar.ask("status").returncode == 1

            assert sidecar.terminate() == 0
            assert _shown(registry, sidecar) == _shown(other, sidecar) == ""


def test_base_path_of_the_server_is_found_once(
    registry: PeerProcess, application: Application
) -> None:
    """Netflix's server has `/v2/` at its root; who configures Spring's path needs no second try."""

    def choose(_: str, target: str) -> Fault:
        return Fault.PASS if target.startswith("/v2/") else Fault.NOT_FOUND

    with FaultProxy(registry.port, choose) as proxy:
        with Sidecar("based", application.port, "--registry", proxy.url, *SOON) as sidecar:
            until(lambda: _shown(registry, sidecar) == "UP")
            assert sidecar.lease()["url"] == proxy.url.replace("/eureka/", "/v2/")
            assert sidecar.terminate() == 0
        missed = [each.target for each in proxy.seen if each.fault is Fault.NOT_FOUND]
    assert missed == ["/eureka/apps/BASED", "/eureka/v2/apps/BASED"]
    assert _shown(registry, sidecar) == ""


def test_server_that_is_no_eureka_is_explained(
    registry: PeerProcess, application: Application
) -> None:
    """All paths are tried, and then not again and again; the sentence says what to write."""
    with (
        FaultProxy(registry.port, lambda *_: Fault.NOT_FOUND) as proxy,
        Sidecar("lost", application.port, "--registry", proxy.url, *SOON) as sidecar,
    ):
        until(lambda: sidecar.problem() == "context_path")
        assert "write the base path of the server into the URL" in sidecar.ask("status").stdout
        begun = len(proxy.seen)
        until(lambda: len(proxy.seen) > begun + 1)
        assert {each.target for each in proxy.seen[begun:]} == {"/eureka/apps/LOST"}
        assert sidecar.terminate() == 0


def test_refused_registration_is_explained(registry: PeerProcess, application: Application) -> None:
    """What the registry says of it is shown; asking again and again would not help."""
    with (
        FaultProxy(registry.port, lambda *_: Fault.REFUSE) as proxy,
        Sidecar("bad", application.port, "--registry", proxy.url, *SOON) as sidecar,
    ):
        until(lambda: sidecar.problem() == "invalid")
        assert "refuses the registration (400): refused" in sidecar.ask("status").stdout
        until(lambda: sidecar.status()["instances"][0]["application"]["status"] == "UP")
        assert sidecar.lease()["nextRequestMs"] > 10_000


def test_sidecar_that_was_stopped_for_longer_than_its_lease_registers_again(
    registry: PeerProcess, application: Application
) -> None:
    """A machine that sleeps, or a container that is frozen: its lease has ended meanwhile."""
    with Sidecar("asleep", application.port, "--registry", registry.url, *SOON) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")

        sidecar.signal(signal.SIGSTOP)
        until(lambda: _shown(registry, sidecar) == "")
        sidecar.signal(signal.SIGCONT)

        until(lambda: _shown(registry, sidecar) == "UP")


def test_successor_with_a_clock_behind_takes_the_place(
    registry: PeerProcess, application: Application, record_property: Record
) -> None:
    """A pod of a StatefulSet comes back under its name, elsewhere, on a node with a slow clock.

    A server keeps the document with the larger `lastDirtyTimestamp` and answers 204 all the same:
    clients would call the predecessor's address until its clock is overtaken.
    """
    with Sidecar("again", application.port, "--registry", registry.url) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")
        sidecar.kill()

    with (
        Application() as other,
        Sidecar(
            "again", other.port, "--registry", registry.url, program=TEN_MINUTES_BEHIND
        ) as successor,
    ):
        begin = time.monotonic()
        until(lambda: _port(registry, successor) == other.port)
        record_property("successor with a clock behind shown after", f"{_since(begin):.1f} s")
        until(lambda: _shown(registry, successor) == "UP")
        assert not successor.problem()


def _since(begin: float) -> float:
    return time.monotonic() - begin


def _port(registry: PeerProcess, sidecar: Sidecar) -> int:
    port: int = (registry.instance(sidecar.app, sidecar.id) or {})["port"]["$"]
    return port


def test_ipv6() -> None:
    """The registry and the application in a cluster that has nothing else."""
    _need_ipv6()
    port = free_port()
    with (
        Cluster(1, host="::1", port=port, management_host="127.0.0.1") as cluster,
        Application(host="::1") as six,
    ):
        (registry,) = cluster.start().peers
        url = f"http://[::1]:{port}/eureka/"
        flags = ("--registry", url, "--check", f"http://[::1]:{six.port}/", *SOON)
        with Sidecar("six", six.port, *flags) as sidecar:
            until(lambda: _shown(registry, sidecar) == "UP")
            found = registry.instance(sidecar.app, sidecar.id)
            assert found is not None
            assert found["ipAddr"] == found["hostName"] == "::1"
            assert found["healthCheckUrl"] == f"http://[::1]:{six.port}/"
            assert sidecar.lease()["url"] == url


def _need_ipv6() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return
    except OSError as error:
        pytest.skip(f"not run: IPv6: this machine has none: {error}")


def test_look_up_finds_another_and_grows_old_while_the_registry_is_away(
    application: Application,
) -> None:
    """A stale address is better than none, as long as its age is told."""
    with Cluster(1) as cluster, Application() as other:
        (registry,) = cluster.start().peers
        port = free_port()
        listen = ("--listen", f"127.0.0.1:{port}", "--look-up", "orders")
        with Sidecar("orders", application.port, "--registry", registry.url, *SOON) as callee:
            until(lambda: _shown(registry, callee) == "UP")
            with Sidecar("caller", other.port, "--registry", registry.url, *listen, *SOON):
                until(lambda: _addresses(port) == [("127.0.0.1", application.port)])

                registry.kill()
                age_s = _age_s(_discovery(port))
                until(lambda: _age_s(_discovery(port)) > age_s + 1)
                assert _addresses(port) == [("127.0.0.1", application.port)]

                own: dict[str, Any] = ask(port, "GET", "/v1/self").json
                assert own["instances"][0]["app"] == "caller"
                assert b"eureka_sidecar_" in ask(port, "GET", "/metrics").body


def _discovery(port: int) -> Reply:
    reply = ask(port, "GET", "/v1/discovery?vip=orders")
    if reply.status != 200:
        raise http.client.HTTPException(str(reply))
    return reply


def _addresses(port: int) -> list[tuple[str, int]]:
    found = json.loads(_discovery(port).body)
    return [(each["host"], each["port"]) for each in found]


def _age_s(reply: Reply) -> int:
    return int(reply.headers["Age"])
