"""What annotations and labels of the pod wish, in files that are swapped as the kubelet does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from processes.cluster import Cluster, PeerProcess, check_throughout, until
from support.faultproxy import Fault, FaultProxy
from support.sidecars import SOON, Application, Sidecar

PAUSED = {"eurekube.io/paused": "true"}


class PodInfo:
    """A downward API volume: the kubelet writes a new folder, and turns the link `..data` to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.versions = 0
        for name in ("annotations", "labels"):
            (directory / name).symlink_to(f"..data/{name}")

    def write(
        self, annotations: Mapping[str, str], labels: Mapping[str, str] | None = None
    ) -> None:
        """Let the kubelet bring these."""
        self.versions += 1
        version = self.directory / f"..2026_11_28_{self.versions}"
        version.mkdir()
        for name, values in (("annotations", annotations), ("labels", labels or {})):
            lines = [f"{key}={json.dumps(value)}" for key, value in values.items()]
            (version / name).write_text("\n".join(lines))
        link = self.directory / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self.directory / "..data")

    @property
    def flags(self) -> tuple[str, ...]:
        """How a sidecar is told of it."""
        files = self.directory / "annotations", self.directory / "labels"
        return "--annotations-file", str(files[0]), "--labels-file", str(files[1])


@pytest.fixture
def pod(tmp_path: Path) -> PodInfo:
    """A pod without annotations of ours."""
    pod = PodInfo(tmp_path)
    pod.write({"kubernetes.io/config.source": "api"})
    return pod


def _registration(registry: PeerProcess, sidecar: Sidecar) -> dict[str, Any]:
    return registry.instance(sidecar.app, sidecar.id) or {}


def _shown(registry: PeerProcess, sidecar: Sidecar) -> str:
    status: str = _registration(registry, sidecar).get("status", "")
    return status


def _visible_status(registry: PeerProcess, sidecar: Sidecar) -> str:
    """What it is shown as, once that is neither nothing nor STARTING, as it begins."""
    shown = _shown(registry, sidecar)
    return "" if shown == "STARTING" else shown


def test_metadata_and_zone_follow_the_pod(
    registry: PeerProcess, application: Application, pod: PodInfo
) -> None:
    """`kubectl annotate` takes effect without a restart, and without a gap in the list."""
    flags = ("--registry", registry.url, "--metadata", "team=blue", *pod.flags, *SOON)
    with Sidecar("lively", application.port, *flags) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")
        assert _registration(registry, sidecar)["metadata"] == {"team": "blue"}

        pod.write({"eurekube.io/metadata.tier": 'gold "plus"\n', "eurekube.io/zone": "z1"})
        wanted = {"team": "blue", "tier": 'gold "plus"\n', "zone": "z1"}
        until(lambda: _registration(registry, sidecar)["metadata"] == wanted)

        pod.write({}, {"topology.kubernetes.io/zone": "z2"})
        until(
            lambda: _registration(registry, sidecar)["metadata"] == {"team": "blue", "zone": "z2"}
        )
        assert _shown(registry, sidecar) == "UP"


@pytest.mark.parametrize(("zone", "place"), [("z1", 0), ("z2", 1)])
def test_server_of_the_pods_zone_is_asked(
    registry: PeerProcess, application: Application, pod: PodInfo, zone: str, place: int
) -> None:
    """Kubernetes labels the pod with the zone of its node before the kubelet starts it."""
    pod.write({}, {"topology.kubernetes.io/zone": zone})
    with FaultProxy(registry.port, lambda *_: Fault.PASS) as proxy:
        servers = (registry.url, proxy.url)
        flags = ("--registry", ",".join(servers), "--server-zones", "z1,z2", *pod.flags, *SOON)
        with Sidecar("near", application.port, *flags) as sidecar:
            sidecar.registered()

            assert sidecar.lease()["url"] == servers[place]


def test_refused_metadata_costs_nobody_the_lease(
    registry: PeerProcess, application: Application, pod: PodInfo
) -> None:
    """A registry that answers 400 to what is new keeps what it holds: that is renewed."""
    refuses = False

    def choose(method: str, _: str) -> Fault:
        return Fault.REFUSE if refuses and method == "POST" else Fault.PASS

    with FaultProxy(registry.port, choose) as proxy:
        flags = ("--registry", proxy.url, *pod.flags, *SOON)
        with Sidecar("refused", application.port, *flags) as sidecar:
            until(lambda: _shown(registry, sidecar) == "UP")

            refuses = True
            pod.write({"eurekube.io/metadata.tier": "gold"})
            until(lambda: sidecar.problem() == "invalid")
            check_throughout(
                lambda: _shown(registry, sidecar) == "UP", 5.0
            )  # longer than the lease
            assert sidecar.problem() == "invalid"

            refuses = False
            pod.write({"eurekube.io/metadata.tier": "silver"})
            until(lambda: _registration(registry, sidecar)["metadata"] == {"tier": "silver"})
            until(lambda: not sidecar.problem())


def test_annotation_pauses_and_its_removal_resumes(
    registry: PeerProcess, application: Application, pod: PodInfo
) -> None:
    """Who may annotate the pod need not reach the registry."""
    flags = ("--registry", registry.url, *pod.flags, *SOON)
    with Sidecar("annotated", application.port, *flags) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")

        pod.write(PAUSED)
        until(lambda: _shown(registry, sidecar) == "OUT_OF_SERVICE")
        refused = sidecar.ask("resume")
        assert refused.returncode == 2
        assert "eurekube.io/paused" in refused.stderr

        pod.write({})
        until(lambda: _shown(registry, sidecar) == "UP")


def test_pause_by_annotation_outlives_registry_sidecar_and_operator(
    application: Application, pod: PodInfo
) -> None:
    """It is a wish, and holds until it is withdrawn: the instance is never shown as UP."""
    pod.write(PAUSED)
    with Cluster(1) as cluster:
        (registry,) = cluster.start().peers
        flags = ("--registry", registry.url, *pod.flags, *SOON)
        with Sidecar("firm", application.port, *flags) as sidecar:
            assert until(lambda: _visible_status(registry, sidecar)) == "OUT_OF_SERVICE"
            until(lambda: sidecar.lease().get("status") == "UP")

            registry.kill()
            cluster.start()
            assert until(lambda: _visible_status(registry, sidecar)) == "OUT_OF_SERVICE"

            sidecar.kill()
            until(lambda: not _registration(registry, sidecar))
            sidecar.start()
            assert until(lambda: _visible_status(registry, sidecar)) == "OUT_OF_SERVICE"
            until(lambda: sidecar.lease().get("status") == "UP")

            where = f"/apps/{sidecar.app}/{sidecar.id}/status"
            assert registry.ask("DELETE", where).status == 200  # an operator lifts it
            until(lambda: _shown(registry, sidecar) == "OUT_OF_SERVICE")

            pod.write({})
            until(lambda: _shown(registry, sidecar) == "UP")


def test_override_of_an_operator_stays(registry: PeerProcess, application: Application) -> None:
    """Who runs the registry has the last word, until somebody resumes the instance."""
    flags = ("--registry", registry.url, *SOON)
    with Sidecar("overridden", application.port, *flags) as sidecar:
        until(lambda: _shown(registry, sidecar) == "UP")

        where = f"/apps/{sidecar.app}/{sidecar.id}/status"
        assert registry.ask("PUT", f"{where}?value=OUT_OF_SERVICE").status == 200
        check_throughout(lambda: _shown(registry, sidecar) == "OUT_OF_SERVICE", 2.5)

        assert sidecar.ask("resume").returncode == 0
        assert _shown(registry, sidecar) == "UP"
