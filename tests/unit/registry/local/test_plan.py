from pathlib import Path

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.validate import validate
from eureka_registry.local.clusterfile import ClusterSource
from eureka_registry.local.machine import Machine
from eureka_registry.local.plan import LocalPlan, plan, read_source
from eureka_registry.local.springfile import SpringSource

EXAMPLES = Path(__file__).parents[4] / "examples"
NOWHERE = Machine(lambda _: None, lambda _: True, "/state")


def planned(file: Path | None, *profiles: str) -> LocalPlan:
    """Read a file and plan it."""
    return plan(read_source(file, profiles, {}), NOWHERE)


def test_without_a_file_three_peers_run() -> None:
    """Zero configuration gives what the tutorials build."""
    peers = planned(None).peers

    assert [(one.name, one.port, one.management_port, one.zone, one.host) for one in peers] == [
        ("peer1", 8761, 9761, "defaultZone", "127.0.0.1"),
        ("peer2", 8762, 9762, "defaultZone", "127.0.0.1"),
        ("peer3", 8763, 9763, "defaultZone", "127.0.0.1"),
    ]
    assert peers[1].peers == ["http://127.0.0.1:8761/eureka/", "http://127.0.0.1:8763/eureka/"]


@pytest.mark.parametrize(
    "file", [None, *(EXAMPLES / name for name in ("application.yml", "properties"))]
)
def test_every_plan_holds_together(file: Path | None) -> None:
    """Settings are possible, ports differ, every peer is listed by its own URL."""
    peers = planned(file).peers

    for one in peers:
        validate(one)
        assert one.my_url not in one.peers
        assert set(one.peers) == {other.my_url for other in peers if other is not one}
    ports = [port for one in peers for port in (one.port, one.management_port)]
    assert len(set(ports)) == len(ports)


def test_a_cluster_is_dealt_over_its_zones() -> None:
    """Round-robin in the order of the list, as the operator deals."""
    peers = planned(EXAMPLES / "eurekacluster.yaml").peers

    assert [one.zone for one in peers] == ["zone-a", "zone-b", "zone-a"]
    assert {one.region for one in peers} == {"eu-west-1"}


def test_a_clusters_fields_reach_every_peer() -> None:
    """Prefix, ports, path, outside peers and snapshots."""
    source = ClusterSource(
        path="x",
        name="one",
        replicas=2,
        port=7001,
        context_path="/registry",
        dns_prefix="eu",
        extra_peer_urls=["http://old:8761/eureka/"],
        snapshots=True,
    )

    one, two = plan(source, NOWHERE).peers

    assert (one.name, two.name) == ("eu1", "eu2")
    assert (one.port, two.port) == (7001, 7002)
    assert one.peers == ["http://127.0.0.1:7002/registry/eureka/", "http://old:8761/eureka/"]
    assert two.my_url == "http://127.0.0.1:7002/registry/eureka/"
    assert one.context_path == "/registry"
    assert one.snapshot_path == "/state/one/eu1.snapshot"


def test_no_replicas_are_no_peers() -> None:
    """Hibernation is not a mistake."""
    found = plan(ClusterSource(path="x", name="a", replicas=0), NOWHERE)

    assert found.peers == []
    assert found.lines == ["spec.replicas is 0: there is nothing to run"]


@pytest.mark.parametrize(
    "source",
    [
        ClusterSource(path="x", name="a", replicas=3, port=65534),
        ClusterSource(path="x", name="a", extra_peer_urls=["http://u:secret@:1/"]),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(source: ClusterSource) -> None:
    """Ports end at 65535, URLs need a host."""
    with pytest.raises(ConfigurationError, match=r"file x: key spec\.peers\.") as caught:
        plan(source, NOWHERE)

    assert "secret" not in str(caught.value)


def test_the_two_switches_are_explained_in_one_line_each() -> None:
    """`Must register-with-eureka be true?` is the oldest question."""
    lines = planned(EXAMPLES / "application.yml").lines

    assert lines[-2].startswith("register-with-eureka: true: peers list themselves as instances of")
    assert lines[-1].startswith("fetch-registry: true: ")


def test_peers_that_differ_are_named(tmp_path: Path) -> None:
    """Some register, some do not."""
    (tmp_path / "application.yml").write_text(
        "spring.profiles: a\nserver.port: 1111\n---\nspring.profiles: b\nserver.port: 2222\n"
        "eureka.client.register-with-eureka: false\n"
    )

    lines = "\n".join(planned(tmp_path).lines)

    assert "register-with-eureka: true (a): " in lines
    assert "register-with-eureka: false (b): " in lines


def test_the_kind_of_a_file_is_recognised(tmp_path: Path) -> None:
    """One flag for all of them."""
    assert read_source(None, [], {}) is None
    assert isinstance(read_source(EXAMPLES / "eurekacluster.yaml", [], {}), ClusterSource)
    assert isinstance(read_source(EXAMPLES / "application.yml", ["peer1"], {}), SpringSource)
    assert isinstance(read_source(EXAMPLES / "properties", [], {}), SpringSource)
    service = tmp_path / "service.yaml"
    service.write_text("apiVersion: v1\nkind: Service\n")
    with pytest.raises(ConfigurationError, match="holds Service"):
        read_source(service, [], {})


@pytest.mark.parametrize("file", [None, EXAMPLES / "eurekacluster.yaml"])
def test_profiles_need_a_spring_file(file: Path | None) -> None:
    """Else the flag would be ignored silently."""
    with pytest.raises(ConfigurationError, match="flag --profile"):
        read_source(file, ["peer1"], {})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Whatever its name."""
    for name in ("x.yaml", "application.yml", "x.json", "x.properties"):
        with pytest.raises(ConfigurationError, match=name):
            read_source(tmp_path / name, [], {})
