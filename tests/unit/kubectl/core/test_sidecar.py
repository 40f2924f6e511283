"""The sidecar of a pod, read from the pod itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core.injection import status
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.status import STATUS, Status
from kubectl_eureka.core.sidecar import RegisteredInstance, Sidecar, sidecar_of

NOTED = Status(version="0.1.0", result="injected", hash="h", drain="granted 20 of 20")


def pod(*instances: dict[str, object], noted: Status = NOTED, name: str = CONTAINER) -> Any:  # noqa: ANN401 - a pod
    """A pod whose sidecar registers these at two registries."""
    registries = [{"urls": ["http://a/eureka/", "http://b/eureka/"]}, {"urls": ["http://c/"]}]
    configuration = json.dumps({"instances": instances, "registries": registries})
    env = [{"name": "OTHER"}, {"name": "EUREKA_SIDECAR_CONFIG", "value": configuration}]
    return {
        "metadata": {"annotations": {STATUS: status.encode(noted)}},
        "spec": {"initContainers": [{"name": name, "image": "sidecar:1", "env": env}]},
    }


def only_instance(entry: dict[str, object]) -> RegisteredInstance:
    """What a pod with this instance registers."""
    found = sidecar_of(pod(entry))
    assert found is not None
    (one,) = found.instances
    return one


def test_sidecar_is_what_was_noted_and_configured() -> None:
    """The note says who injected it, its configuration what it does."""
    assert sidecar_of(pod({"app": "ORDERS", "port": 8080})) == Sidecar(
        hash="h",
        image="sidecar:1",
        version="0.1.0",
        drain="granted 20 of 20",
        instances=(
            RegisteredInstance(app="ORDERS", port=8080, check="tcp://127.0.0.1:8080, every 5 s"),
        ),
        registries=(("http://a/eureka/", "http://b/eureka/"), ("http://c/",)),
    )


@pytest.mark.parametrize(
    "without",
    [
        {"metadata": {}, "spec": pod()["spec"]},
        pod(noted=Status(version="0.1.0", result="skipped")),
        pod(name="another"),
        {**pod(), "spec": {}},
    ],
    ids=["no note", "skipped", "another container", "no container"],
)
def test_pod_without_note_or_container_has_none(without: Any) -> None:  # noqa: ANN401 - a pod
    """Anybody may give a container this name, or copy an annotation."""
    assert sidecar_of(without) is None


@pytest.mark.parametrize(
    ("entry", "ports"),
    [
        ({"port": 8080}, (8080, 0)),
        ({"securePort": 8443}, (0, 8443)),
        ({"port": 8080, "securePort": 8443}, (8080, 8443)),
        ({"port": 0, "securePort": "8443"}, (0, 0)),
    ],
)
def test_ports_are_those_that_are_registered(
    entry: dict[str, object], ports: tuple[int, int]
) -> None:
    """What is no port is none."""
    one = only_instance({"app": "A", **entry})

    assert (one.port, one.secure_port) == ports
    assert one.check == f"tcp://127.0.0.1:{ports[0] or ports[1]}, every 5 s"


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        ({"check": "http://:8081/health"}, "http://127.0.0.1:8081/health, every 5 s"),
        ({"check": "https://h/health"}, "https://h:8080/health, every 5 s"),
        ({"check": "tcp://[::1]:5432"}, "tcp://[::1]:5432, every 5 s"),
        ({"check": "grpc://:9000"}, "grpc://127.0.0.1:9000, every 5 s"),
        ({"check": "grpc://:9000/orders"}, "grpc://127.0.0.1:9000/orders, every 5 s"),
        (
            {"readinessProbe": {"httpGet": {"port": 9090, "path": "/ready"}, "periodSeconds": 3}},
            "http://POD_IP:9090/ready, every 3 s",
        ),
        ({"check": "ftp://a"}, "one that the sidecar does not know"),
        ({"readinessProbe": None}, "one that the sidecar does not know"),
    ],
)
def test_health_check_is_said_as_a_url(entry: dict[str, object], check: str) -> None:
    """That of a probe asks the pod's address, as the kubelet does."""
    assert only_instance({"app": "A", "port": 8080, **entry}).check == check


@pytest.mark.parametrize(
    "text", ["no JSON", "[" * 100_000, "{}", '{"instances":[],"registries":7}']
)
def test_configuration_of_somebody_else_is_none(text: str) -> None:
    """The rest is shown all the same."""
    given = pod()
    given["spec"]["initContainers"][0]["env"][1]["value"] = text

    found = sidecar_of(given)

    assert found is not None
    assert (found.hash, found.instances, found.registries) == ("h", (), ())


def test_dollars_are_those_that_the_program_gets() -> None:
    """The injector doubles them, because the kubelet expands variables."""
    given = pod({"app": "A$B", "port": 1})
    (container,) = given["spec"]["initContainers"]
    container["env"][1]["value"] = container["env"][1]["value"].replace("$", "$$")

    found = sidecar_of(given)

    assert found is not None
    assert found.instances[0].app == "A$B"
