import json
from pathlib import Path

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.local.clusterfile import ClusterSource, is_kubernetes, read
from support.clusterobjects import BAD, EVERY_FIELD, GOOD, Bad, document

EXAMPLES = Path(__file__).parents[4] / "examples"
HEAD = "apiVersion: eurekube.io/v1alpha1\nkind: EurekaCluster\nmetadata: {name: eureka}\n"


def cluster(folder: Path, text: str) -> ClusterSource:
    """Read a document with this text behind its head."""
    path = folder / "cluster.yaml"
    path.write_text(HEAD + text)
    return read(path)


def cluster_file(folder: Path, whole: object) -> Path:
    """A file with this object."""
    path = folder / "cluster.json"
    path.write_text(json.dumps(whole))
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_read(path: Path) -> None:
    """Whatever is for Kubernetes runs on one machine, too."""
    assert read(path).name == "eureka"


def test_the_example_is_read() -> None:
    """The same file goes to `kubectl apply`."""
    found = read(EXAMPLES / "eurekacluster.yaml")

    assert (found.name, found.replicas, found.port, found.dns_prefix) == ("eureka", 3, 8761, "peer")
    assert found.zones == ["zone-a", "zone-b"]
    assert found.lines == ["without meaning on one machine: spec.resources"]
    assert {name: given.value for name, given in found.values.items()} == {
        "replication_batch_size": 250,
        "replication_max_age_s": 30.0,
        "region": "eu-west-1",
        "eviction_interval_s": 5.0,
        "self_preservation": True,
        "renewal_threshold": 0.85,
        "delta_retention_s": 180.0,
    }


def test_what_is_not_there_has_the_crds_default(tmp_path: Path) -> None:
    """Null is as if it were not there, as the API server drops it."""
    found = cluster(tmp_path, "spec: {peers: , topology: {region: ~}}")

    assert found == ClusterSource(path=found.path, name="eureka")


def test_every_field_that_counts_is_taken(tmp_path: Path) -> None:
    """The registry's part of the spec."""
    found = read(cluster_file(tmp_path, document(EVERY_FIELD)))

    assert (found.port, found.context_path, found.dns_prefix) == (7001, "/registry", "eu")
    assert found.extra_peer_urls == ["http://eureka.example.com:8761/eureka/"]
    assert found.zones == ["a", "b"]
    assert found.snapshots
    assert {name: given.value for name, given in found.values.items()} == {
        "replication_batch_size": 100,
        "replication_max_age_s": 60.0,
        "region": "eu-west-1",
        "self_preservation": False,
        "renewal_threshold": 0.9,
        "read_only_cache_s": 3.0,
        "delta_retention_s": 60.0,
        "rate_limit": True,
        "rate_limit_burst": 1,
        "rate_limit_fetches_per_s": 2,
        "rate_limit_full_fetches_per_s": 3,
        "remote_regions": {"us": "http://us.example.com/eureka/"},
        "remote_region_applications": {"us": ["A", "B"]},
        "remote_region_fetch_interval_s": 20.0,
        "app_name": "DISCOVERY",
        "lease_expiry": "java",
        "self_preservation_rules": "java",
        "sticky_out_of_service": True,
        "short_departures": False,
        "wait_when_sync_empty_s": 300.0,
        "expected_renewal_interval_s": 10.0,
        "eviction_interval_s": 60.0,
        "snapshot_interval_s": 60.0,
        "log_level": "DEBUG",
        "log_format": "json",
        "dashboard": True,
        "dashboard_actions": False,
        "allowed_hosts": ["*.corp.example"],
    }


def test_fields_for_kubernetes_are_listed_once(tmp_path: Path) -> None:
    """What is not here is said in capitals."""
    found = read(cluster_file(tmp_path, document(EVERY_FIELD)))

    elsewhere = (
        "spec.version, spec.image, spec.paused, spec.topology.zoneKey, "
        "spec.topology.zones[0].nodeZone, spec.topology.spread, spec.topology.antiAffinity, "
        "spec.service, spec.snapshot.volume, spec.updates, spec.disruption, spec.monitoring, "
        "spec.networkPolicy, spec.resources, spec.injection, spec.pod"
    )
    other = "the other cluster is not here: spec.registry.remoteRegions[1].clusterRef"
    assert sorted(found.lines) == [
        "NOT APPLIED on one machine: nobody is asked for credentials: spec.auth",
        "NOT APPLIED on one machine: peers speak plain HTTP there: spec.tls",
        f"NOT APPLIED on one machine: {other}",
        f"without meaning on one machine: {elsewhere}",
    ]


@pytest.mark.parametrize("about", GOOD)
def test_what_the_api_server_takes_is_read(tmp_path: Path, about: str) -> None:
    """The same file goes to `kubectl apply`."""
    assert read(cluster_file(tmp_path, document(GOOD[about]))).name == "eureka"


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.field}: {bad.said.local}"[:60])
def test_what_the_api_server_refuses_is_refused(tmp_path: Path, bad: Bad) -> None:
    """With the field's path."""
    with pytest.raises(ConfigurationError) as caught:
        read(cluster_file(tmp_path, bad.document))

    assert bad.field in str(caught.value)
    assert bad.said.local in caught.value.problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Service\napiVersion: v1", "holds Service; allowed: one EurekaCluster"),
        ("", "holds nothing"),
        ("a: b", "a document without kind"),
        (f"{HEAD}spec: {{}}\n---\n{HEAD}spec: {{}}", "holds EurekaCluster, EurekaCluster"),
        (HEAD.replace("v1alpha1", "v1") + "spec: {}", "'eurekube.io/v1' is not known"),
        (HEAD, "missing required field `spec`"),
        ("kind: EurekaCluster\nspec: {}", "apiVersion"),
        (HEAD.replace("eureka}", "Eureka}") + "spec: {}", "metadata.name"),
    ],
)
def test_other_documents_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """Saying what was found and what is wanted."""
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        read(path)

    assert said in str(caught.value)


def test_other_objects_beside_it_are_passed_over(tmp_path: Path) -> None:
    """A Namespace comes first in many files."""
    path = tmp_path / "x.yaml"
    path.write_text(f"apiVersion: v1\nkind: Namespace\n---\n{HEAD}spec: {{replicas: 2}}\n")

    assert read(path).replicas == 2
    assert read(path).lines == ["passed over: Namespace"]


def test_json_is_read_too(tmp_path: Path) -> None:
    """`kubectl get -o json` writes it."""
    path = tmp_path / "x.json"
    path.write_text(
        '{\n\t"apiVersion": "eurekube.io/v1alpha1", "kind": "EurekaCluster",'
        '"metadata": {"name": "a", "uid": "1"}, "spec": {}, "status": {"phase": "Ready"}}'
    )

    assert read(path).name == "a"


def test_kubernetes_documents_are_told_from_springs() -> None:
    """By the two fields that every object has."""
    assert is_kubernetes({"kind": "x"})
    assert not is_kubernetes({"eureka": {}})
    assert not is_kubernetes(["kind"])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("spec: {port: 1}", "key spec.port: unknown; did you mean spec.peers.port?"),
        ("spec: {}\nreplicas: 2", "key replicas: unknown; did you mean spec.replicas?"),
        ("spec: {peers: {zones: []}}", "key spec.peers.zones: unknown; did you mean spec.topology"),
        ("spec:", "key spec: is empty"),
        ("spec: {registry: {remoteRegions: [{name: }]}}", "remoteRegions[0].name: is empty"),
    ],
)
def test_a_key_at_the_wrong_place_is_told_with_its_right_one(
    tmp_path: Path, spec: str, said: str
) -> None:
    """YAML that is indented wrongly, or a section that nobody filled."""
    path = tmp_path / "x.yaml"
    path.write_text(f"{HEAD}{spec}\n")

    with pytest.raises(ConfigurationError) as caught:
        read(path)

    assert said in str(caught.value)
