"""`eureka-sidecar status|pause|resume|drain` against a sidecar that runs beside an application."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import pytest

from processes.cluster import PeerProcess, check_throughout, free_port, until
from support.faultproxy import AFTERWARDS_S, Fault, FaultProxy
from support.sidecars import SOON, Application, Sidecar

LONGER_THAN_A_LOOK_S = 2.5
"""The application is asked, and files are looked at, every second here."""


def _probe(port: int) -> tuple[str, str]:
    probe = {"httpGet": {"port": port}, "periodSeconds": 1, "failureThreshold": 1}
    return "--readiness-probe", json.dumps(probe)


def _shown(registry: PeerProcess, sidecar: Sidecar) -> str:
    found = registry.instance(sidecar.app, sidecar.id)
    return found["status"] if found else ""


def test_status_tells_what_the_registry_holds(
    registry: PeerProcess, application: Application
) -> None:
    """In sentences for people, and as JSON for programs; its exit status is the answer to both."""
    flags = ("--registry", registry.url, *_probe(application.port))
    with Sidecar("told", application.port, *flags) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")
        until(lambda: sidecar.lease()["status"] == "UP")

        sentences = sidecar.ask("status")
        assert sentences.returncode == 0, sentences
        assert f"told at 127.0.0.1:{application.port}, id told-1" in sentences.stdout
        assert "application  UP for " in sentences.stdout
        assert f"{registry.url}  registered as UP for " in sentences.stdout

        document = json.loads(sidecar.ask("status", "-o", "json").stdout)
        lease = document["instances"][0]["registries"][0]
        assert (lease["state"], lease["status"]) == ("registered", "UP")
        assert 0 <= lease["renewedMs"] <= lease["sinceMs"] + 1

        application.status = 503
        until(lambda: _shown(registry, sidecar) == "DOWN")
        assert "answered 503" in sidecar.ask("status").stdout

    nobody = sidecar.ask("status")
    assert nobody.returncode == 2
    assert "no sidecar answers at" in nobody.stderr


def test_paused_instance_is_out_of_service_until_it_is_resumed(
    registry: PeerProcess, application: Application
) -> None:
    """An override, so that no renewal and no change of health puts it back by mistake."""
    flags = ("--registry", registry.url, *_probe(application.port), *SOON)
    with Sidecar("paused", application.port, *flags) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")

        paused = sidecar.ask("pause")
        assert paused.returncode == 0, paused
        assert _shown(registry, sidecar) == "OUT_OF_SERVICE"
        application.status = 503
        until(lambda: sidecar.lease()["status"] == "DOWN")
        application.status = 200
        until(lambda: sidecar.lease()["status"] == "UP")
        check_throughout(lambda: _shown(registry, sidecar) == "OUT_OF_SERVICE", 1.5)
        assert "it shows OUT_OF_SERVICE" in sidecar.ask("status").stdout

        resumed = sidecar.ask("resume")
        assert resumed.returncode == 0, resumed
        assert _shown(registry, sidecar) == "UP"


@pytest.mark.parametrize("by_path", [False, True], ids=["abstract", "path"])
def test_nothing_registers_after_drain(
    registry: PeerProcess, application: Application, tmp_path: Path, *, by_path: bool
) -> None:
    """Between `preStop` and SIGTERM the application changes as it likes; clients forget it."""
    annotations = tmp_path / "annotations"
    annotations.write_text("")
    with FaultProxy(registry.port, lambda *_: Fault.PASS) as proxy:
        flags = ("--registry", proxy.url, "--annotations-file", str(annotations))
        sidecar = Sidecar("drained", application.port, *flags, *_probe(application.port), *SOON)
        if by_path:
            sidecar.flags[sidecar.flags.index(sidecar.socket)] = str(tmp_path / "socket")
            sidecar.socket = str(tmp_path / "socket")
        with sidecar:
            until(lambda: _shown(registry, sidecar) == "UP")
            if by_path:
                assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == 0o600

            drained = sidecar.ask("drain")
            assert drained.returncode == 0, drained
            assert registry.instance(sidecar.app, sidecar.id) is None

            application.status = 503
            annotations.write_text('eurekube.io/metadata.tier="gold"\neurekube.io/paused="true"\n')
            check_throughout(
                lambda: registry.instance(sidecar.app, sidecar.id) is None, LONGER_THAN_A_LOOK_S
            )
            application.status = 200
            refused = sidecar.ask("resume")
            assert refused.returncode == 2
            assert "the lease is removed for good" in refused.stderr
            assert sidecar.ask("drain").returncode == 0
            assert sidecar.terminate() == 0
        methods = [each.method for each in proxy.seen]
    assert methods[methods.index("DELETE") :] == ["DELETE"]
    assert not (tmp_path / "socket").exists()


def test_sidecar_killed_in_a_drain_that_cannot_finish_leaves_a_lease_that_ends(
    registry: PeerProcess, application: Application
) -> None:
    """The registry hangs, the kubelet kills: nobody renews, so the lease ends by itself.

    The kubelet starts it again if the pod is still there: it cannot know of the drain, registers,
    and SIGTERM removes the lease. That is the documented hole.
    """
    hangs = False

    def choose(method: str, _: str) -> Fault:
        return Fault.DELAY if hangs and method == "DELETE" else Fault.PASS

    with FaultProxy(registry.port, choose) as proxy:
        flags = ("--registry", proxy.url, *SOON)
        with Sidecar("hung", application.port, *flags) as sidecar:
            until(lambda: _shown(registry, sidecar) == "UP")
            hangs = True
            begun = len(proxy.seen)
            sidecar.signal(signal.SIGTERM)
            until(lambda: sidecar.lease()["state"] == "removing")
            sidecar.kill()
            until(lambda: registry.instance(sidecar.app, sidecar.id) is None)
            late = [each.method for each in proxy.seen[begun:]]
            assert "POST" not in late

            hangs = False
            sidecar.start()
            until(lambda: _shown(registry, sidecar) == "UP")
            assert sidecar.terminate() == 0
            assert registry.instance(sidecar.app, sidecar.id) is None


def test_registration_under_way_at_sigterm_leaves_nothing(registry: PeerProcess) -> None:
    """It reaches the registry after the sidecar has given it up, and after its removal's 404."""
    with FaultProxy(registry.port, _late_registration) as proxy:
        flags = ("--registry", proxy.url)
        with Sidecar("hasty", free_port(), *flags) as sidecar:
            until(lambda: proxy.seen)
            assert sidecar.terminate() == 0
        check_throughout(
            lambda: registry.instance(sidecar.app, sidecar.id) is None, 5 * AFTERWARDS_S
        )
        assert [each.method for each in proxy.seen][:2] == ["POST", "DELETE"]


def _late_registration(method: str, _: str) -> Fault:
    return Fault.DELAY if method == "POST" else Fault.PASS


def test_socket_of_another_sidecar_is_refused(
    registry: PeerProcess, application: Application
) -> None:
    """Two in one pod: `drain` would reach one of them, and the other would go on."""
    with Sidecar("first", application.port, "--registry", registry.url) as first:
        until(first.status)
        second = Sidecar("second", application.port, "--registry", registry.url)
        second.flags[second.flags.index(second.socket)] = first.socket
        with second:
            assert second.exit_status() == 1
            assert f"another sidecar answers at {first.socket}" in second.log
        until(lambda: _shown(registry, first) == "UP")


def test_taken_port_of_the_look_up_is_refused(registry: PeerProcess) -> None:
    """A sentence and a status, before anything is registered and the command started."""
    with Application() as other:
        flags = ("--registry", registry.url, "--listen", f"127.0.0.1:{other.port}")
        command = ["sh", "-c", "echo it was started"]
        with Sidecar("taken", free_port(), *flags, command=command) as sidecar:
            assert sidecar.exit_status() == 1
            assert str(other.port) in sidecar.log
            assert "it was started" not in sidecar.log
    assert registry.instance("TAKEN", "taken-1") is None
