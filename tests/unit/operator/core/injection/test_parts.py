from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.api.spec import (
    Injection,
    Quantities,
    Sidecar,
    SidecarDrain,
    SidecarLease,
    SidecarResources,
)
from eureka_operator.core.injection.annotations import SidecarOptions
from eureka_operator.core.injection.instances import Instances
from eureka_operator.core.injection.parts import (
    Drain,
    configuration,
    container,
    drain,
    parts_for,
)
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.injection.registries import Registries
from eureka_operator.core.injection.status import MAX_BYTES, STATUS
from unit.operator.core.injection.shapes import config

_URLS = (("http://eureka:8761/eureka/",),)
_OWN = Registries(_URLS)
_FOREIGN = Registries(_URLS, is_foreign=True)
_INSTANCES = Instances(({"app": "orders", "port": 8080},))


def _pod(*containers: dict[str, Any], **spec: object) -> dict[str, Any]:
    return {"metadata": {}, "spec": {"containers": list(containers) or [{"name": "a"}], **spec}}


@pytest.mark.parametrize(
    ("grace", "wishes", "chosen", "said"),
    [
        (30, SidecarOptions(), _OWN, Drain(20, 20)),
        (None, SidecarOptions(), _FOREIGN, Drain(60, 20)),
        (90, SidecarOptions(), _FOREIGN, Drain(60, 60)),
        (20, SidecarOptions(), _OWN, Drain(20, 10)),
        (5, SidecarOptions(), _OWN, Drain(20, 0)),
        (0, SidecarOptions(), _OWN, Drain(20, 0)),
        (120, SidecarOptions(drain_s=100), _OWN, Drain(100, 100)),
        (30, SidecarOptions(drain_s=0), _FOREIGN, Drain(0, 0)),
        ("30", SidecarOptions(), _OWN, Drain(20, 20)),
    ],
)
def test_hold_is_within_the_grace_period(
    grace: object, wishes: SidecarOptions, chosen: Registries, said: Drain
) -> None:
    """10 s are left to end in; the grace period is its owner's, and never changed."""
    assert drain(_pod(terminationGracePeriodSeconds=grace), wishes, chosen) == said


def test_registry_says_how_long_its_clients_remember() -> None:
    """The pod's own wish comes first."""
    chosen = Registries(_URLS, Injection(drain=SidecarDrain(5)))

    assert drain(_pod(), SidecarOptions(), chosen).granted_s == 5
    assert drain(_pod(), SidecarOptions(drain_s=7), chosen).granted_s == 7


def test_lease_of_the_registry_gives_way_to_the_pods_renewal() -> None:
    """A duration for another pace could end before the next renewal."""
    chosen = Registries(_URLS, Injection(lease=SidecarLease(10, 30)))

    own = configuration(_INSTANCES, chosen, SidecarOptions(renewal_s=60), config())
    its = configuration(_INSTANCES, chosen, SidecarOptions(), config())

    assert isinstance(own, dict)
    assert isinstance(its, dict)
    assert own["instances"][0]["renewalSeconds"] == 60
    assert "durationSeconds" not in own["instances"][0]
    assert its["instances"][0]["durationSeconds"] == 30


def test_zones_stand_beside_the_urls_of_their_registry() -> None:
    """A registry that is named by its URLs has none."""
    urls = (("http://a:1/", "http://b:1/"), ("http://java:8761/",))

    found = configuration(
        _INSTANCES, Registries(urls, zones=(("z", ""), ())), SidecarOptions(), config()
    )

    assert isinstance(found, dict)
    assert found["registries"] == [
        {"urls": ["http://a:1/", "http://b:1/"], "zones": ["z", ""]},
        {"urls": ["http://java:8761/"]},
    ]


def test_mark_of_the_kubernetes_cannot_be_taken_over() -> None:
    """The operator removes leases by it."""
    chosen = Registries(_URLS, Injection(metadata={"team": "shop", "zone": "a"}))
    given = Instances(({"app": "a", "port": 1, "metadata": {"cluster-uid": "x", "zone": "b"}},))

    found = configuration(given, chosen, SidecarOptions(), config())

    assert isinstance(found, dict)
    assert found["instances"][0]["metadata"] == {
        "team": "shop", "zone": "b", "cluster-uid": "0000-kube-system",
    }  # fmt: skip


def test_configuration_that_the_sidecar_refuses_is_not_injected() -> None:
    """A sidecar that does not start keeps the application from starting."""
    chosen = Registries(_URLS, Injection(lease=SidecarLease(90, 30)))

    found = configuration(_INSTANCES, chosen, SidecarOptions(), config())

    assert isinstance(found, Finding)
    assert found.reason.code == "configuration_refused"
    assert "ends when one renewal fails" in found.detail
    twice = Instances((_INSTANCES.entries[0],) * 2)
    wishes = SidecarOptions(instances=twice.entries)
    found = configuration(twice, Registries(_URLS), wishes, config())
    assert isinstance(found, Finding)
    assert found.is_refusal


def test_image_and_resources_are_the_registrys_choice() -> None:
    """Else those that the injector is run with, never none."""
    own = Injection(sidecar=Sidecar("mirror/sidecar:1"))

    assert container(_pod(), {}, Registries(_URLS, own), config())["image"] == "mirror/sidecar:1"
    found = container(_pod(), {}, Registries(_URLS), config())
    assert found["image"] == "eurekube/sidecar:0.1.0"
    assert found["resources"]["requests"] == {"cpu": "1m", "memory": "16Mi"}


@pytest.mark.parametrize(
    ("requests", "limits", "said"),
    [
        ({}, {"memory": "40Mi"}, ("16Mi", "40Mi")),
        ({"memory": "20Mi"}, {}, ("20Mi", "32Mi")),
        ({"memory": "40Mi"}, {}, ("40Mi", "40Mi")),
        ({}, {"memory": "12M"}, ("12M", "12M")),
    ],
)
def test_resources_are_wished_one_by_one(
    requests: dict[str, str], limits: dict[str, str], said: tuple[str, str]
) -> None:
    """There are always requests and a limit of memory; a request above its limit is not a pod."""
    wished = SidecarResources(Quantities(**requests), Quantities(**limits))
    chosen = Registries(_URLS, Injection(sidecar=Sidecar(resources=wished)))

    found = container(_pod(), {}, chosen, config())["resources"]

    assert (found["requests"]["memory"], found["limits"]["memory"]) == said
    assert found["requests"]["cpu"] == "1m"
    assert "cpu" not in found["limits"]


def test_root_of_the_pod_is_not_the_sidecars_user() -> None:
    """`runAsNonRoot` with the pod's user 0 is a container that never starts."""
    root = container(_pod(securityContext={"runAsUser": 0}), {}, Registries(_URLS), config())
    other = container(_pod(securityContext={"runAsUser": 7}), {}, Registries(_URLS), config())

    assert root["securityContext"]["runAsUser"] == 65_532
    assert "runAsUser" not in other["securityContext"]


def test_names_too_long_to_be_noted_get_no_hook() -> None:
    """What is not noted could not be taken out again."""
    names = [f"{number}{'a' * 62}" for number in range(9)]
    pod = _pod(*({"name": name, "lifecycle": {}} for name in names))

    found = parts_for(pod, {"name": "eureka-sidecar"}, Drain(20, 20), "0.1.0", ())

    text = found.parts.annotations[STATUS]
    status = json.loads(text)
    assert len(text) <= MAX_BYTES
    assert 0 < len(status["hooks"]) < 9
    assert found.parts.hooks == set(status["hooks"])
    assert status["reasons"] == ["hooks_left_out"]
    assert [each.reason.code for each in found.notes] == ["hooks_left_out"]


def test_hash_is_of_what_is_put_in() -> None:
    """Another image or hold is another hash; another label of the pod is not."""
    first = parts_for(_pod(), {"image": "a"}, Drain(20, 20), "1", ()).hash

    assert parts_for(_pod(), {"image": "a"}, Drain(60, 20), "1", ()).hash == first
    assert parts_for(_pod({"name": "other"}), {"image": "a"}, Drain(20, 20), "1", ()).hash == first
    assert parts_for(_pod(), {"image": "b"}, Drain(20, 20), "1", ()).hash != first
    assert parts_for(_pod(), {"image": "a"}, Drain(20, 10), "1", ()).hash != first
    assert parts_for(_pod(), {"image": "a"}, Drain(20, 20), "2", ()).hash != first


def test_default_container_is_the_application() -> None:
    """`kubectl logs` without a name is to show what the user wrote."""
    pod = _pod({"name": "istio-proxy"}, {"name": "orders"})
    key = "kubectl.kubernetes.io/default-container"

    found = parts_for(pod, {}, Drain(20, 20), "1", ())

    assert found.parts.annotations[key] == "orders"
    pod["metadata"] = {"annotations": {key: "istio-proxy"}}
    assert key not in parts_for(pod, {}, Drain(20, 20), "1", ()).parts.annotations
