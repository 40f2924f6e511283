from pathlib import Path

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.local.clusterfile import ClusterSource, is_kubernetes, read

EXAMPLES = Path(__file__).parents[4] / "examples"
HEAD = "apiVersion: eurekube.io/v1alpha1\nkind: EurekaCluster\nmetadata: {name: eureka}\n"


def cluster(folder: Path, text: str) -> ClusterSource:
    """Read a document with this text behind its head."""
    path = folder / "cluster.yaml"
    path.write_text(HEAD + text)
    return read(path)


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
    found = cluster(
        tmp_path,
        """
spec:
  replicas: 2
  peers: {port: 7001, contextPath: /registry/eureka, dnsPrefix: eu,
          extraPeerURLs: ["http://old:8761/eureka"]}
  snapshot: {enabled: true, intervalSeconds: 60}
  registry:
    lease: {expectedRenewalIntervalSeconds: 10}
    responseCache: {updateIntervalSeconds: 3}
    rateLimit: {enabled: true, burst: 1, fetchPerSecond: 2, fullFetchPerSecond: 3}
    remoteRegions:
    - {name: us, url: "http://us/eureka", apps: [A, B], fetchIntervalSeconds: 20}
    - {name: ap, url: "http://ap/eureka"}
    - {name: eu, clusterRef: {name: other}}
""",
    )

    assert (found.port, found.context_path, found.dns_prefix) == (7001, "/registry", "eu")
    assert found.extra_peer_urls == ["http://old:8761/eureka/"]
    assert found.snapshots
    assert {name: given.value for name, given in found.values.items()} == {
        "snapshot_interval_s": 60.0,
        "expected_renewal_interval_s": 10.0,
        "read_only_cache_s": 3.0,
        "rate_limit": True,
        "rate_limit_burst": 1,
        "rate_limit_fetches_per_s": 2,
        "rate_limit_full_fetches_per_s": 3,
        "remote_regions": {"us": "http://us/eureka/", "ap": "http://ap/eureka/"},
        "remote_region_applications": {"us": ["A", "B"]},
        "remote_region_fetch_interval_s": 20.0,
    }
    assert "spec.registry.remoteRegions[2].clusterRef" in found.lines[0]


def test_fields_for_kubernetes_are_listed_once(tmp_path: Path) -> None:
    """What a user may rely on for safety is told in capitals."""
    found = cluster(
        tmp_path,
        "spec: {image: {tag: x}, service: {}, tls: {secretName: x}, topology: {zoneKey: z}}",
    )

    assert sorted(found.lines) == [
        "NOT APPLIED: peers run here without passwords and without TLS: spec.tls",
        "without meaning on one machine: spec.image, spec.service, spec.topology.zoneKey",
    ]


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("spec: {replcas: 3}", "spec.replcas", "did you mean replicas?"),
        ("spec: {peers: {aliasPrefix: x}}", "spec.peers.aliasPrefix", "unknown"),
        (
            "spec: {registry: {selfPreservation: {enable: x}}}",
            "spec.registry.selfPreservation.enable",
            "did you mean enabled?",
        ),
        (
            "spec: {topology: {zones: [{name: a}, {nme: b}]}}",
            "spec.topology.zones[1].nme",
            "did you mean name?",
        ),
        ("spec: {}\nspecs: {}", "specs", "did you mean spec?"),
        ("spec: {replicas: 10}", "spec.replicas", "<= 9"),
        ("spec: {replicas: three}", "spec.replicas", "Expected `int`, got `str`"),
        ("spec: {peers: {port: 0}}", "spec.peers.port", ">= 1"),
        ("spec: {peers: [a]}", "spec.peers", "Expected `object`"),
        ("spec: 3", "spec", "Expected `object`"),
        (
            "spec: {replicas: 1, topology: {zones: [{name: a}, {name: b}]}}",
            "spec.replicas",
            "fewer",
        ),
        ("spec: {replicas: 2, topology: {zones: [{name: a}, {name: a}]}}", "zones", "twice"),
    ],
)
def test_wrong_fields_are_refused_with_their_path(
    tmp_path: Path, text: str, where: str, said: str
) -> None:
    """What the API server would refuse is refused here."""
    with pytest.raises(ConfigurationError) as caught:
        cluster(tmp_path, text)

    assert caught.value.source.endswith(where)
    assert said in caught.value.problem


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
