from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.injection.annotations import SidecarOptions
from eureka_operator.core.injection.instances import Instances, app_name, instances
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.reasons import Finding


def _container(*ports: object, name: str = "orders", **rest: object) -> dict[str, Any]:
    return {"name": name, "ports": list(ports), **rest}


def _port(number: int, name: str = "", protocol: str = "TCP") -> dict[str, object]:
    return {"containerPort": number, "name": name, "protocol": protocol}


def _probe(port: object, **rest: object) -> dict[str, object]:
    return {"httpGet": {"port": port, "path": "/", **rest}}


def _one(*containers: object, **wishes: Any) -> Any:  # noqa: ANN401 - an instance or a code
    found = instances(
        {"spec": {"containers": list(containers)}}, SidecarOptions(**wishes), "orders"
    )
    if isinstance(found, Finding):
        return found.reason.code
    (entry,) = found.entries
    return entry


def _notes(*containers: object, **wishes: Any) -> list[str]:  # noqa: ANN401 - fields of options
    pod = {"spec": {"containers": list(containers)}}
    found = instances(pod, SidecarOptions(**wishes), "orders")
    assert isinstance(found, Instances)
    return [each.reason.code for each in found.notes]


def _detail(*containers: object) -> str:
    """What is said of the only finding, besides its reason."""
    found = instances({"spec": {"containers": list(containers)}}, SidecarOptions(), "orders")
    if isinstance(found, Finding):
        return found.detail
    (note,) = found.notes
    return note.detail


def test_port_of_the_readiness_probe_is_meant() -> None:
    """It is the one that decides whether the pod is called."""
    container = _container(_port(8080), _port(8081), readinessProbe=_probe(8081))

    assert _one(container)["port"] == 8081
    assert _notes(container) == []


def test_probe_of_another_port_than_that_of_the_service_is_noted() -> None:
    """Health on a port of its own is common with Spring, and then the other one is meant."""
    container = _container(_port(8080, "http"), _port(8081), readinessProbe=_probe(8081))

    assert _one(container)["port"] == 8081
    assert _notes(container) == ["probe_port_differs"]
    both = (_port(8080, "http"), _port(9000, "grpc"))
    assert _notes(_container(*both, readinessProbe=_probe(8080))) == []


def test_ports_that_are_meant_perhaps_are_listed() -> None:
    """In their order, and not more than fit into a line."""
    services = [_port(number, "http") for number in range(7, 0, -1)]
    others = [_port(number) for number in range(7, 0, -1)]
    probed = _container(*services, _port(8), readinessProbe=_probe(8))

    listed = "1 (http), 2 (http), 3 (http), 4 (http), 5 (http)"
    assert _detail(probed) == f"8, not {listed}"
    assert _detail(_container(*others)) == "no name 1, no name 2, no name 3, no name 4, no name 5"


@pytest.mark.parametrize("handler", ["httpGet", "tcpSocket", "grpc"])
def test_port_of_any_kind_of_probe_is_meant(handler: str) -> None:
    """Of commands nobody knows what they ask."""
    probe = {handler: {"port": 8081}}

    assert _one(_container(_port(8080), _port(8081), readinessProbe=probe))["port"] == 8081


def test_probes_of_several_ports_leave_it_to_the_name() -> None:
    """Two containers that are both asked."""
    first = _container(_port(8081, "admin"), readinessProbe=_probe(8081))
    second = _container(_port(8080, "http"), name="b", readinessProbe=_probe(8080))

    assert _one(first, second)["port"] == 8080
    assert _one(first, _container(_port(1), name="b", readinessProbe=_probe(1))) == "ambiguous_port"


@pytest.mark.parametrize("name", ["http", "https", "grpc"])
def test_name_of_a_port_tells_what_it_is(name: str) -> None:
    """TLS ports are registered as such: a plain call of one fails."""
    entry = _one(_container(_port(1, "admin"), _port(2, name), _port(3, "dns", "UDP")))

    assert entry == {"app": "orders", "securePort" if name == "https" else "port": 2}


def test_only_tcp_port_is_meant() -> None:
    """UDP is not for Eureka's clients."""
    assert _one(_container(_port(53, "dns", "UDP"), _port(8080)))["port"] == 8080
    assert _one(_container(_port(53, "dns", "UDP"))) == "udp_port"
    assert _one(_container()) == "no_port"


def test_secure_port_is_not_the_plain_one() -> None:
    """With it named, one is left."""
    container = _container(_port(8080), _port(8443))

    assert _one(container, secure_port=8443) == {
        "app": "orders", "port": 8080, "securePort": 8443,
    }  # fmt: skip
    assert _one(_container(_port(8443)), secure_port=8443, vip="shop") == {
        "app": "orders", "securePort": 8443, "secureVip": "shop",
    }  # fmt: skip


def test_secure_port_of_the_annotation_stays() -> None:
    """Whatever probes ask, and however other ports are called."""
    probed = _container(_port(8080), _port(8443), readinessProbe=_probe(8443, scheme="HTTPS"))
    named = _container(_port(9443, "https"), _port(8443))

    assert _one(probed, secure_port=8443)["port"] == 8080
    assert _one(probed, secure_port=8443)["securePort"] == 8443
    assert _one(named, secure_port=8443)["securePort"] == 8443


def test_name_in_an_annotation_is_looked_up_in_all_containers() -> None:
    """A name that no container has is a slip."""
    containers = (_container(name="a"), _container(_port(8080, "web"), name="b"))

    assert _one(*containers, port="web")["port"] == 8080
    assert _one(*containers, port="wbe") == "bad_annotation"
    assert _one(*containers, secure_port="wbe") == "bad_annotation"
    assert _one(*containers, instances=({"port": "wbe"},)) == "bad_annotation"
    pod = {"spec": {"containers": list(containers)}}
    slip = instances(pod, SidecarOptions(port="wbe"), "orders")
    assert isinstance(slip, Finding)
    assert slip.is_refusal


def test_probe_is_that_of_the_container_with_the_port() -> None:
    """Another container's readiness is not this one's."""
    first = _container(name="a", readinessProbe={"exec": {"command": ["true"]}})
    second = _container(_port(8080), name="b", readinessProbe={"tcpSocket": {"port": 8080}})

    assert _one(first, second)["readinessProbe"] == {"tcpSocket": {"port": 8080}}
    assert "port" not in _one(first, second, secure_port=8080)
    assert _one(first, second, secure_port=8080)["readinessProbe"] == {"tcpSocket": {"port": 8080}}


def test_probe_is_that_of_the_container_that_it_asks_at_the_port() -> None:
    """No container has to declare a port. Where nobody does, the first container is meant."""
    first = _container(name="a", readinessProbe={"exec": {"command": ["true"]}})
    second = _container(name="b", readinessProbe={"tcpSocket": {"port": 8080}})

    assert _one(first, second, port=8080)["readinessProbe"] == {"tcpSocket": {"port": 8080}}
    assert "readinessProbe" not in _one(_container(name="a"), second, port=8081)


def test_probe_of_another_container_is_not_noted() -> None:
    """Only that of the container with the port counts."""
    command = {"exec": {"command": ["true"]}}
    first = _container(_port(8081), name="a")
    second = _container(_port(8080), name="b", readinessProbe=command)

    assert _notes(first, second, port=8080) == ["health_exec_unsupported"]
    assert _notes(first, second, port=8081) == []
    assert _notes(first, second, instances=({"port": 8080},)) == ["health_exec_unsupported"]


@pytest.mark.parametrize(
    ("given", "port"), [("web", 8080), ("8080", 8080), ("65535", 65_535), ("080808", None)]
)
def test_port_of_a_probe_may_be_a_text(given: str, port: int | None) -> None:
    """A name of the same container, or digits: the API server takes both."""
    container = _container(_port(8080, "web"), readinessProbe={"tcpSocket": {"port": given}})
    found = _one(container, port=8080)

    assert found.get("readinessProbe") == (port and {"tcpSocket": {"port": port}})


def test_check_of_an_annotation_takes_the_place_of_the_probe() -> None:
    """It was written for this."""
    container = _container(_port(8080), readinessProbe=_probe(8080))

    assert _one(container, check="tcp://:8080") == {
        "app": "orders", "port": 8080, "check": "tcp://:8080",
    }  # fmt: skip


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"port": "nobody"}},
        {"httpGet": {"port": 8080, "scheme": "FTP"}},
        {"httpGet": {"port": 8080, "httpHeaders": [7]}},
        {"tcpSocket": {"port": 8080}, "periodSeconds": "5"},
    ],
)
def test_probe_that_cannot_be_repeated_is_noted(probe: object) -> None:
    """The API server takes a name that no port has; then the pod never is ready."""
    container = _container(_port(8080), readinessProbe=probe)

    assert _one(container) == {"app": "orders", "port": 8080}
    assert _notes(container) == ["health_downgraded"]


def test_unknown_fields_of_a_probe_stay_out() -> None:
    """What a newer Kubernetes adds would only make the pod larger."""
    headers = [{"name": "a", "value": "b", "more": []}]
    probe = {**_probe(8080, httpHeaders=headers, new=[]), "terminationGracePeriodSeconds": 1}

    assert _one(_container(_port(8080), readinessProbe=probe))["readinessProbe"] == {
        "httpGet": {"port": 8080, "httpHeaders": [{"name": "a", "value": "b"}]}
    }


def test_header_without_a_value_is_repeated() -> None:
    """An empty value is left out by whoever writes with Go."""
    probe = {"httpGet": {"port": 8080, "httpHeaders": [{"name": "a"}]}}

    assert _one(_container(_port(8080), readinessProbe=probe))["readinessProbe"] == probe


def test_defaults_of_a_probe_stay_out() -> None:
    """The API server writes them into pods before the webhook, and nobody into a file."""
    short = {"httpGet": {"port": 8080}}
    filled = {
        "httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }

    for probe in (short, filled):
        assert _one(_container(_port(8080), readinessProbe=probe))["readinessProbe"] == short


@pytest.mark.parametrize(
    ("labels", "wish", "name"),
    [
        ({"app.kubernetes.io/name": "a", "app": "b"}, "c", "c"),
        ({"app.kubernetes.io/name": "a", "app": "b"}, "", "a"),
        ({"app": "b"}, "", "b"),
        ({}, "", "orders"),
    ],
)
def test_name_is_the_most_explicit_one(labels: object, wish: str, name: str) -> None:
    """Annotation, recommended label, common label, owner."""
    pod = {"metadata": {"labels": labels}, "spec": {}}

    assert app_name(pod, SidecarOptions(app=wish), Owner("StatefulSet", "orders")) == name


def test_owner_with_a_long_name_is_no_fault_of_the_pod() -> None:
    """Its namespace's label must not keep it from starting; its own annotation may."""
    pod: dict[str, Any] = {"metadata": {}, "spec": {}}

    found = app_name(pod, SidecarOptions(), Owner("StatefulSet", "a" * 64))
    named = app_name(pod, SidecarOptions(app="..."), Owner())

    assert isinstance(found, Finding)
    assert not found.is_refusal
    assert isinstance(named, Finding)
    assert named.is_refusal


@pytest.mark.parametrize("name", ["a" * 63, "A.b_c-1"])
def test_name_may_have_63_characters(name: str) -> None:
    """As many as a label; that is where most names come from."""
    assert app_name({"metadata": {}, "spec": {}}, SidecarOptions(), Owner("Deployment", name)) == (
        name
    )


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..."])
def test_name_that_is_none_is_said(name: str) -> None:
    """Of a pod that has no name yet, or a label that somebody wrote by hand."""
    found = app_name({"metadata": {"name": name}, "spec": {}}, SidecarOptions(), Owner())

    assert isinstance(found, Finding)
    assert found.detail == repr(name)
