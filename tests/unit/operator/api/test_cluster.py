from pathlib import Path
from typing import Any

import pytest
import yaml

from eureka_operator.api.cluster import Cluster, Problem, read, transition_problems
from eureka_operator.api.spec import Spec
from eureka_registry.config import urls
from support.clusterobjects import BAD, EVERY_FIELD, GOOD, UPDATES, Bad, Update, document

EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.yaml"))


def cluster(spec: object, **metadata: object) -> Cluster:
    """Read an object that is good."""
    whole = document(spec)
    whole["metadata"] |= metadata
    found = read(whole, strict=True)
    assert isinstance(found, Cluster), found
    return found


def problems(whole: dict[str, Any], *, strict: bool = True) -> tuple[Problem, ...]:
    """Read an object that is bad."""
    found = read(whole, strict=strict)
    assert isinstance(found, tuple), found
    return found


@pytest.mark.parametrize("about", GOOD)
def test_good_object_is_read(about: str) -> None:
    """Whatever the API server takes."""
    assert cluster(GOOD[about]).name == "eureka"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example_is_read(example: Path) -> None:
    """They are what people begin with."""
    assert isinstance(read(yaml.safe_load(example.read_text()), strict=True), Cluster)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.field}: {bad.said.operator}"[:60])
def test_bad_object_is_refused_in_words(bad: Bad) -> None:
    """Nothing else is said to be wrong with it."""
    found = problems(bad.document)

    assert all(each.field.startswith(bad.field) for each in found), found
    assert any(bad.said.operator in each.message for each in found), found


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update.about)
def test_change_of_what_is_immutable_is_refused(update: Update) -> None:
    """As the API server does; `plan --live` says so before anybody applies it."""
    found = transition_problems(cluster(update.before).spec, cluster(update.after).spec)

    assert [each.message.startswith(update.refused) for each in found] == [True] * bool(
        update.refused
    )


def test_everything_wrong_is_said_at_once() -> None:
    """Whoever mends a file does not mend it field by field."""
    whole = document({"replicas": 10, "peers": {"port": True}, "logging": {"level": "LOUD"}}, "A")

    fields = [each.field for each in problems(whole)]

    assert fields == ["spec.replicas", "spec.peers.port", "spec.logging.level"]


def test_all_broken_rules_are_said_at_once() -> None:
    """They are looked at once each field is possible by itself."""
    spec = {
        "replicas": 1,
        "peers": {"port": 8763, "dnsPrefix": "a"},
        "topology": {"zones": [{"name": "a"}, {"name": "b"}]},
    }

    fields = [each.field for each in problems(document(spec, "a1"))]

    assert fields == ["metadata.name", "spec.replicas", "spec.peers.port"]


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.com",
        "https://user:secret@a.example.com:8761/eureka/",
        "http://[fd00::7]:8761/eureka/",
        "http://a:99999/eureka/",
        "http://a:0/",
        "http://a:port/",
        "http://:8761/eureka/",
        "http://[fd00::7/eureka/",
        "http://a,b/",
        "http://a/eureka\\",
    ],
)
def test_url_that_the_registry_cannot_use_is_refused(url: str) -> None:
    """Its file of settings would be of no use as a whole, and no new peer could start."""
    spec = {
        "peers": {"extraPeerURLs": [url]},
        "registry": {"remoteRegions": [{"name": "us", "url": url}]},
    }

    found = read(document(spec), strict=True)

    fields = [] if isinstance(found, Cluster) else [each.field for each in found]
    usable = urls.problem(url) is None
    wrong = ["spec.peers.extraPeerURLs[0]", "spec.registry.remoteRegions[0].url"]
    assert fields == ([] if usable else wrong)


def test_unknown_fields_are_passed_over_unless_strict() -> None:
    """The CRD may be newer than the operator."""
    whole = document(
        {"replicas": 2, "later": {"a": 1}, "topology": {"zones": [{"name": "a", "b": 1}]}}
    )

    found = read(whole)

    assert isinstance(found, Cluster)
    assert found.spec.replicas == 2
    assert [each.field for each in problems(whole)] == ["spec.later", "spec.topology.zones[0].b"]


def test_what_is_not_set_has_the_defaults_of_the_crd() -> None:
    """Null is as if it were not there, as the API server drops it."""
    assert cluster({}).spec == Spec()
    assert cluster({"peers": None, "topology": {"region": None}}).spec == Spec()


def test_zero_and_false_are_not_the_same_as_unset() -> None:
    """They are somebody's choice."""
    registry = cluster(
        {
            "registry": {
                "selfPreservation": {"enabled": False},
                "responseCache": {"updateIntervalSeconds": 0},
            }
        }
    ).spec.registry

    assert registry.self_preservation.enabled is False
    assert registry.response_cache.update_interval_seconds == 0
    assert registry.rate_limit.enabled is None
    assert registry.response_cache.delta_retention_seconds is None


def test_every_field_is_read_under_its_own_name() -> None:
    """`kubectl get -o json` and the operator speak of the same fields."""
    spec = cluster(EVERY_FIELD).spec

    assert spec.peers.extra_peer_urls == ["http://eureka.example.com:8761/eureka/"]
    assert [(zone.name, zone.node_zone) for zone in spec.topology.zones] == [
        ("a", "eu-west-1a"),
        ("b", None),
    ]
    assert spec.registry.remote_regions[1].cluster_ref is not None
    assert spec.registry.remote_regions[1].cluster_ref.namespace == "ap"
    assert spec.network_policy.metrics_from == EVERY_FIELD["networkPolicy"]["metricsFrom"]
    assert spec.pod.security_context == {"fsGroup": 1000}


def test_metadata_of_an_object_in_the_api() -> None:
    """What the operator needs of it."""
    found = cluster(
        {},
        namespace="prod",
        uid="u-1",
        generation=7,
        annotations={"eurekube.io/paused": "true"},
        deletionTimestamp="2026-11-28T00:00:00Z",
        managedFields=[{}],
    )

    assert (found.namespace, found.uid, found.generation) == ("prod", "u-1", 7)
    assert found.annotations == {"eurekube.io/paused": "true"}
    assert found.deleting
    assert found.status == {}


def test_metadata_of_a_file() -> None:
    """The API server has not seen it yet."""
    found = cluster({})

    assert (found.namespace, found.uid, found.generation) == ("", "", 0)
    assert not found.deleting


def test_status_is_as_it_was_written() -> None:
    """It is the operator's own; what an older one wrote is no problem."""
    whole = document({}) | {"status": {"phase": "Ready", "later": 1}}

    found = read(whole, strict=True)

    assert isinstance(found, Cluster)
    assert found.status == {"phase": "Ready", "later": 1}


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"apiVersion": "eurekube.io/v1"}, "apiVersion", "write eurekube.io/v1alpha1"),
        ({"kind": "Service"}, "kind", "write EurekaCluster"),
        ({"specs": {}}, "specs", "did you mean spec?"),
        ({"metadata": {}}, "metadata.name", "is missing"),
        ({"metadata": None}, "metadata", "is missing"),
        ({"metadata": {"name": 3}}, "metadata.name", "write text"),
        ({"metadata": {"name": "a", "annotations": {"b": 1}}}, "metadata.annotations.b", "text"),
    ],
)
def test_whole_document_is_looked_at(change: dict[str, object], field: str, said: str) -> None:
    """Files hold anything."""
    (found,) = problems(document({}) | change)

    assert found.field == field
    assert said in found.message


def test_last_newline_is_no_part_of_a_name() -> None:
    """Python's `$` stands before it, the API server's does not."""
    assert [each.field for each in problems(document({"peers": {"dnsPrefix": "peer\n"}}))] == [
        "spec.peers.dnsPrefix"
    ]
    assert [each.field for each in problems(document({}, "eureka\n"))] == ["metadata.name"]


def test_passwords_are_not_repeated() -> None:
    """Problems end in conditions, events and logs."""
    found = problems(
        document({"peers": {"extraPeerURLs": ["ftp://admin:secret@a/", "ftp://a:se/cret@b/"]}})
    )

    assert len(found) == 2
    assert "cret" not in str(found)
    assert "ftp://***@a/" in found[0].message


def test_long_values_are_cut() -> None:
    """A message is for reading."""
    (found,) = problems(document({"version": "x" * 9999}))

    assert len(found.message) < 300
