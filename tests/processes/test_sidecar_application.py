"""Applications that are not ready, die or hang: what the registry shows of them."""

from __future__ import annotations

import json
from typing import Final

from processes.cluster import PeerProcess, check_throughout, free_port, until
from support.faultproxy import Fault, FaultProxy
from support.sidecars import SOON, Application, Sidecar

FALL: Final = 2


def _probed(registry: PeerProcess | FaultProxy, app: str, port: int) -> Sidecar:
    probe = {"httpGet": {"port": port, "path": "/ready?token=x"}, "periodSeconds": 1}
    probe |= {"failureThreshold": FALL}
    flags = ("--registry", registry.url, "--readiness-probe", json.dumps(probe), *SOON)
    return Sidecar(app, port, *flags)


def _shown(registry: PeerProcess, sidecar: Sidecar) -> str:
    found = registry.instance(sidecar.app, sidecar.id)
    return found["status"] if found else ""


def _reason(sidecar: Sidecar) -> str:
    reason: str = sidecar.status()["instances"][0]["application"]["reason"]
    return reason


def test_application_that_is_not_ready_stays_starting(registry: PeerProcess) -> None:
    """For as long as it takes: it is listed, with its reason, and nobody is sent to it."""
    port = free_port()
    with _probed(registry, "slow", port) as sidecar:
        until(lambda: _shown(registry, sidecar) == "STARTING")
        until(lambda: f"127.0.0.1:{port} refuses connections" in _reason(sidecar))

        with Application(port, status=503) as application:
            until(lambda: "answered 503" in _reason(sidecar))
            check_throughout(
                lambda: _shown(registry, sidecar) == "STARTING", 3.5
            )  # longer than a lease

            application.status = 200
            until(lambda: _shown(registry, sidecar) == "UP")


def test_application_that_dies_is_down_and_may_come_back(registry: PeerProcess) -> None:
    """Only after its threshold: one lost probe is no reason to move all its callers."""
    with Application() as application, _probed(registry, "mortal", application.port) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")

        application.stop()
        until(lambda: f"(1 of {FALL} failures that make it DOWN)" in _reason(sidecar))
        until(lambda: _shown(registry, sidecar) == "DOWN")
        assert "refuses connections" in sidecar.ask("status").stdout

        application.start()
        until(lambda: _shown(registry, sidecar) == "UP")


def test_application_that_hangs_is_down(registry: PeerProcess) -> None:
    """It takes connections and answers nothing; TCP alone would not notice."""
    with Application() as application, _probed(registry, "stuck", application.port) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")

        application.status = 0
        until(lambda: _shown(registry, sidecar) == "DOWN")
        assert "/ready did not answer within 1 s" in _reason(sidecar)
        assert "token" not in sidecar.ask("status").stdout


def test_status_that_may_have_arrived_is_corrected(registry: PeerProcess) -> None:
    """The answer to DOWN was lost, and the application is UP again: the registry has to hear it.

    For the sidecar nothing has changed since the last answer; for the registry everything has.
    """
    loses = False

    def choose(method: str, _: str) -> Fault:
        return Fault.CLOSE_AFTER if loses and method == "POST" else Fault.PASS

    with (
        Application() as application,
        FaultProxy(registry.port, choose) as proxy,
        _probed(proxy, "unsure", application.port) as sidecar,
    ):
        until(lambda: _shown(registry, sidecar) == "UP")
        until(lambda: sidecar.lease()["status"] == "UP")

        loses = True
        application.status = 503
        until(lambda: _shown(registry, sidecar) == "DOWN")
        application.status = 200
        until(lambda: sidecar.status()["instances"][0]["application"]["status"] == "UP")
        loses = False

        until(lambda: _shown(registry, sidecar) == "UP")
