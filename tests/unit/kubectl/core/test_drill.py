"""What a drill makes, when its peers agree, and what it comes to."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from eureka_operator.core.kinds import Object
from eureka_registry.verbs.tally import Tally
from kubectl_eureka.core.drill import (
    LABEL,
    RIGHTS,
    PeerPod,
    Report,
    Right,
    Step,
    client_urls,
    clients_document,
    cluster_document,
    is_over_quota,
    is_ready,
    leftover_note,
    namespace_document,
    peers_agree,
    report_table,
    review,
    verdict,
    why_not,
)

NAMES: Final = ("peer1", "peer2", "peer3")


def peer(number: int, **changes: Any) -> PeerPod:  # noqa: ANN401 - of any shape
    """A peer that agrees with the two others, but for what is changed in its report."""
    views = [
        {"name": name, "self": False, "available": True, "agreement": "agreed"}
        for name in NAMES
        if name != f"peer{number}"
    ]
    views.append({"name": f"peer{number}", "self": True, "available": True, "agreement": "agreed"})
    report = {
        "name": f"peer{number}",
        "stage": "ready",
        "generation": "g1",
        "applications": {"DRILL-0": "abc"},
        "peers": views,
    }
    return PeerPod(f"eureka-peer-{number}", f"uid-{number}", ending=False, report=report | changes)


def views(changes: dict[str, object]) -> list[dict[str, object]]:
    """What peer3 says of the two others; of peer1 some of it is changed."""
    well: dict[str, object] = {"available": True, "agreement": "agreed"}
    return [{"name": "peer1"} | well | changes, {"name": "peer2"} | well]


THREE: Final = (peer(1), peer(2), peer(3))


def cluster(status: str = "True", observed: int = 2) -> Object:
    """An EurekaCluster whose second spec is its newest."""
    ready = {
        "type": "Ready",
        "status": status,
        "observedGeneration": observed,
        "message": "2 of 3 peers are ready",
    }
    zone = "http://peer1.x:8761/eureka/,http://peer2.x:8761/eureka/"
    return {
        "metadata": {"name": "eureka", "generation": 2},
        "status": {"conditions": [ready], "endpoints": {"defaultZone": zone}},
    }


def report(*steps: Step) -> Report:
    """A report of these steps, each of which has looked 100 times."""
    tally = Tally(lookups=100 * len(steps))
    for each in steps:
        tally.lookups_failed += each.tally.lookups_failed
        tally.leases_lost += each.tally.leases_lost
        tally.renewals_retried += each.tally.renewals_retried
    return Report("eureka-drill-x", "registry:1", 3, 36, [*steps], tally, [])


def test_peers_agree_when_each_says_so_of_all_others() -> None:
    """By their own words, and they hold the same."""
    assert peers_agree(THREE, 3)


@pytest.mark.parametrize(
    "last",
    [
        peer(3)._replace(report=None),
        peer(3)._replace(ending=True),
        peer(3, stage="starting"),
        peer(3, generation="g0"),
        peer(3, applications={}),
        peer(3, peers=[]),
        peer(3, peers=views({"agreement": "diverged"})),
        peer(3, peers=views({"available": False})),
        peer(3, peers=views({"aliasOf": "peer2"})),
        peer(3, peers=[*views({}), {"name": "peer4", "available": True, "agreement": "agreed"}]),
    ],
    ids=[
        "silent",
        "ending",
        "starting",
        "other peers",
        "other leases",
        "alone",
        "diverged",
        "not available",
        "one under two names",
        "one that is gone",
    ],
)
def test_one_that_differs_is_enough_not_to_agree(last: PeerPod) -> None:
    """A step is over only when nothing is under way any more."""
    assert not peers_agree((peer(1), peer(2), last), 3)


def test_more_or_fewer_pods_than_wanted_do_not_agree() -> None:
    """After a scaling the pods have to be as many, not only those that answer."""
    leaving = PeerPod("eureka-peer-4", "uid-4", ending=True, report=None)

    assert not peers_agree(THREE, 4)
    assert not peers_agree((*THREE, leaving), 3)


def test_a_status_of_an_older_spec_is_not_ready() -> None:
    """It would end a step before the operator has begun with it."""
    assert is_ready(cluster())
    assert not is_ready(cluster(observed=1))
    assert not is_ready(cluster(status="False"))
    assert not is_ready({"metadata": {"generation": 1}})


def test_clients_are_of_the_image_of_the_peers_and_may_do_nothing() -> None:
    """No other image has to be there, and Pod Security's restricted level takes the pod."""
    container = {"image": "mirror.example/registry@sha256:1", "imagePullPolicy": "Always"}
    peer_pod = {"spec": {"containers": [container], "imagePullSecrets": [{"name": "pull"}]}}

    body = clients_document("eureka-drill-x", peer_pod, client_urls(cluster()), 7)

    spec = body["spec"]
    made = spec["containers"][0]
    assert (made["image"], made["imagePullPolicy"]) == (container["image"], "Always")
    assert made["args"] == [
        "clients",
        "--clients=7",
        "http://peer1.x:8761/eureka/",
        "http://peer2.x:8761/eureka/",
    ]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert made["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["terminationGracePeriodSeconds"] == 0
    assert body["metadata"]["labels"] == {"eurekube.io/inject": "disabled"}


def test_the_namespace_is_known_by_its_label() -> None:
    """By which what a killed drill has left is found."""
    assert namespace_document("eureka-drill-x")["metadata"]["labels"][LABEL] == "true"
    assert cluster_document("eureka-drill-x")["metadata"]["namespace"] == "eureka-drill-x"


def test_peers_of_a_drill_let_the_api_servers_proxy_in() -> None:
    """By it they are asked whether they agree, and no policy knows its address."""
    spec = cluster_document("eureka-drill-x")["spec"]

    assert (spec["replicas"], spec["networkPolicy"]) == (3, {"enabled": False})


def test_rights_are_asked_for_where_they_are_needed() -> None:
    """Those on namespaces in no namespace; what is below a resource is apart from it."""
    asked = {str(each): review(each, "x")["spec"]["resourceAttributes"] for each in RIGHTS}

    assert asked["create namespaces"]["namespace"] == ""
    assert asked["get pods/log"]["resource"] == "pods"
    assert asked["get pods/log"]["subresource"] == "log"
    patch = asked["patch eurekaclusters.eurekube.io"]
    assert (patch["group"], patch["namespace"]) == ("eurekube.io", "x")
    assert str(Right("get", "pods/proxy")) == "get pods/proxy"


def test_what_keeps_pods_from_running_is_said() -> None:
    """Refusals, nodes, images; else what the status says."""
    quota = 'pods "eureka-peer-1" is forbidden: exceeded quota: small'
    events: list[Object] = [
        {"reason": "FailedCreate", "message": quota},
        {"reason": "Unhealthy"},
    ] * 2
    unschedulable = {"reason": "Unschedulable", "message": "0/3 nodes are available"}
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    pods: list[Object] = [
        {"metadata": {"name": "a"}, "status": {"conditions": [unschedulable]}},
        {"metadata": {"name": "b"}, "status": {"containerStatuses": [waiting]}},
        {"metadata": {"name": "c"}},
    ]

    assert why_not(None, [], events) == quota
    assert is_over_quota(why_not(None, [], events))
    assert why_not(cluster("False"), pods, []) == (
        "pod a: 0/3 nodes are available; pod b: ErrImagePull: no such image"
    )
    assert why_not(cluster("False"), [], []) == "2 of 3 peers are ready"
    assert why_not(cluster(), [], []) == why_not({}, [], []) == why_not(None, [], []) == ""


def test_a_drill_without_losses_passes() -> None:
    """Requests that another peer answered are said, and no loss."""
    found = report(
        Step("start", "three peers start", 12.0, Tally()),
        Step("delete", "peer2 deleted by force", 4.25, Tally(renewals_retried=1)),
    )

    assert found.passed
    assert verdict(found).startswith("Nothing was lost. 1 request had")
    rows = report_table(found).rows
    assert rows[1][:2] == ("peer2 deleted by force", "4.2 s")
    assert rows[-1][0] == "in all"
    assert {len(each) for each in rows} == {len(report_table(found).titles)}


def test_a_lost_lease_fails_and_is_counted() -> None:
    """With what was lost, how often."""
    found = report(
        Step("delete", "peer2 deleted by force", 4.0, Tally(lookups_failed=2, leases_lost=1))
    )
    found.tally.renewals_failed = 1

    assert not found.passed
    assert verdict(found) == (
        "Something was lost: 2 failed look-ups, 1 failed renewal, 1 lost lease."
    )


def test_peers_that_never_agree_fail() -> None:
    """Also when no client has missed anything."""
    found = report(Step("restart", "all peers restarted in turn", None, Tally()))

    assert not found.passed
    assert "all peers restarted in turn" in verdict(found)
    assert report_table(found).rows[0][1] == "never"


def test_a_report_is_json() -> None:
    """For programs."""
    document = msgspec.to_builtins(report(Step("grow", "a fourth peer joins", 3.0, Tally())))

    assert document["steps"][0]["agreed_after_s"] == 3.0
    assert document["tally"]["lookups"] == 100


def test_what_others_have_left_is_named_with_the_command_that_removes_it() -> None:
    """But it may be of a drill that runs now."""
    metadata = {"name": "eureka-drill-y", "creationTimestamp": "2026-11-30T08:00:00Z"}

    said = leftover_note({"metadata": metadata})

    assert "2026-11-30T08:00:00Z" in said
    assert "kubectl delete namespace eureka-drill-y" in said
