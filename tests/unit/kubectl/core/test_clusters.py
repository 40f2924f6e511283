"""What `status` says of an EurekaCluster."""

from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.kinds import Object
from kubectl_eureka.core.clusters import (
    cluster_status,
    cluster_table,
    lines,
    peer_names,
    peer_table,
    ready_peers,
    zone_names,
)

GOOD = {
    "Ready": ("True", "Converged", "3 peers are ready and agree"),
    "Progressing": ("False", "Stable", "nothing is under way"),
    "Degraded": ("False", "AsExpected", "3 of 3 peers are ready"),
}


def document(
    conditions: dict[str, tuple[str, str, str]], states: tuple[str, ...] = ("Ready",) * 3
) -> Object:
    """An EurekaCluster with these conditions, and peers in these states."""
    return {
        "metadata": {"namespace": "shop", "name": "eureka"},
        "status": {
            "phase": "Ready",
            "version": "0.1.0",
            "conditions": [
                dict(zip(("type", "status", "reason", "message"), (kind, *said), strict=True))
                for kind, said in conditions.items()
            ],
            "peers": [
                {"name": f"peer{number}", "state": state, "zone": f"zone-{number}", "node": "n"}
                for number, state in enumerate(states, 1)
            ],
        },
    }


def report(name: str, **others: dict[str, Any]) -> Object:
    """A peer's `/peers`: itself, and how it sees others."""
    views = [{"name": other, "self": False, **view} for other, view in others.items()]
    return {
        "name": name,
        "instances": 7,
        "preserving": False,
        "selfPreservation": "All 7 leases are on time.",
        "peers": [{"name": name, "self": True, "available": True}, *views],
    }


AGREED = {"available": True, "agreement": "agreed"}


def test_peers_that_agree_are_shown_so() -> None:
    """What each says of itself does not count, nor does a second name of the same peer."""
    alias = {"available": False, "agreement": "unknown", "aliasOf": "peer2"}
    names = ("peer1", "peer2", "peer3")
    reports = {
        name: report(name, **{other: AGREED for other in names if other != name}, twice=alias)
        for name in names
    }

    found = cluster_status(document(GOOD), reports)

    assert found.ready
    assert [(each.available, each.agreement) for each in found.peers] == [(True, "agreed")] * 3
    assert found.conditions == ()
    assert [f"{each.about}|{each.text}" for each in lines(found)] == [
        "|Ready: 3 peers are ready and agree.",
        "self-preservation|All 7 leases are on time.",
    ]
    assert peer_table(found).rows[0] == (
        "peer1", "Ready", "yes", "yes", "agreed", "7", "zone-1",
    )  # fmt: skip
    assert cluster_table([found]).rows == (("shop", "eureka", "Ready", "3/3", "True", "0.1.0"),)


def test_a_peer_that_is_away_is_named_with_the_reason() -> None:
    """By itself and by the others."""
    reports: dict[str, Object | str] = {
        "peer1": report("peer1", peer2={"available": False, "why": "connection refused"}),
        "peer2": "eureka-peer-2 cannot be asked: no route",
    }

    found = cluster_status(document(GOOD, ("Ready", "Unreachable")), reports)

    assert [(each.name, each.ready, each.available) for each in found.peers] == [
        ("peer1", True, True),
        ("peer2", False, False),
    ]
    assert found.peers[0].agreement == "peer2: connection refused"
    assert found.peers[1].agreement == "eureka-peer-2 cannot be asked: no route"
    assert found.peers[1].instances is None


def test_what_is_amiss_has_a_cure() -> None:
    """Conditions that exist only while they are True are always worth a line."""
    conditions = {
        "Ready": ("False", "PeersNotReady", "2 of 3 peers are ready"),
        "Available": ("True", "PeersReady", "2 peers are ready"),
        "Progressing": ("False", "Stable", "nothing is under way"),
        "Degraded": ("True", "PeersNotReady", "2 of 3 peers are ready"),
        "UpgradeAvailable": ("True", "NewerDefaults", "newer defaults"),
    }

    found = cluster_status(document(conditions), {})

    assert [each.type for each in found.conditions] == ["Ready", "Degraded", "UpgradeAvailable"]
    assert "kubectl -n shop describe pods -l eurekube.io/cluster=eureka" in found.conditions[0].cure
    assert not found.ready
    assert found.peers[0].agreement == "not asked"


def test_conditions_of_what_a_spec_asks_for_are_good_when_true() -> None:
    """TLS, credentials, peers and regions elsewhere have one for as long as they are there."""
    asked = ("TLSReady", "AuthReady", "ExtraPeersAvailable", "RemoteRegionsAvailable")
    well = dict.fromkeys(asked, ("True", "Valid", "it is so"))
    ill = dict.fromkeys(asked, ("False", "Expired", "it is not so"))

    assert cluster_status(document({**GOOD, **well}), {}).conditions == ()
    found = cluster_status(document({**GOOD, **ill}), {}).conditions
    assert [each.type for each in found] == [*asked]


@pytest.mark.parametrize("kind", ["Available", "PeersConverged", "ConfigSynced", "Reconciled"])
def test_conditions_that_are_always_there_are_good_when_true(kind: str) -> None:
    """Only what is amiss takes a line."""
    well, ill = ((status, "Reason", "it is so") for status in ("True", "False"))

    assert cluster_status(document({**GOOD, kind: well}), {}).conditions == ()
    (found,) = cluster_status(document({**GOOD, kind: ill}), {}).conditions
    assert (found.type, found.cure) == (kind, "")


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("NameTaken", "spec.peers.dnsPrefix"),
        ("InvalidSpec", "kubectl -n shop edit ekc eureka"),
        ("PeersNotReady", "kubectl -n shop describe pods -l eurekube.io/cluster=eureka"),
        ("NoPeerReady", "kubectl -n shop describe pods -l eurekube.io/cluster=eureka"),
        ("PeersDiffer", "kubectl eureka -n shop diff PEER PEER"),
        ("PeerBehind", "the logs of the peer"),
        ("Paused", "eurekube.io/paused"),
        ("Hibernated", "kubectl -n shop scale ekc eureka --replicas=3"),
        ("NewerDefaults", "spec.version"),
        ("UnknownTemplate", "the operator of the version"),
        ("Forbidden", "that right"),
    ],
)
def test_a_cure_names_what_to_type(reason: str, command: str) -> None:
    """Below the condition, with the names of this cluster."""
    found = cluster_status(document({"Degraded": ("True", reason, "it is so")}), {})

    shown = [f"{each.about}|{each.text}" for each in lines(found)]
    assert shown[-2] == f"Degraded|True, {reason}: it is so"
    assert shown[-1] == f"cure|{found.conditions[0].cure}"
    assert command in found.conditions[0].cure


def test_a_peer_that_another_cannot_reach_is_not_available() -> None:
    """Even if it answers us; what it says of itself and of others does not count for it."""
    away = {"available": False, "agreement": "agreed", "why": "no answer within 5 s"}
    reports = {
        "peer1": report("peer1", peer2=away),
        "peer2": report("peer2", peer1=AGREED),
    }

    found = cluster_status(document(GOOD, ("Ready", "Ready")), reports)

    assert [each.available for each in found.peers] == [True, False]
    assert found.peers[0].agreement == "peer2: no answer within 5 s"


def test_a_lone_peer_agrees_with_nobody() -> None:
    """A cluster of one peer is well."""
    found = cluster_status(document(GOOD, ("Ready",)), {"peer1": report("peer1")})

    assert [(each.available, each.agreement) for each in found.peers] == [(True, "alone")]


def test_wide_rows_say_where_a_peer_runs() -> None:
    """A column of zones only if there are any."""
    body = document(GOOD, ("Ready",))
    (peer,) = body["status"]["peers"]
    peer |= {"version": "0.1.0", "url": "http://peer1:8761/eureka/", "zone": ""}

    shown = peer_table(cluster_status(body, {"peer1": report("peer1")}), wide=True)

    assert shown.titles[5:] == ("instances", "node", "version", "url")
    assert shown.rows[0][5:] == ("7", "n", "0.1.0", "http://peer1:8761/eureka/")
    assert zone_names(body) == frozenset()


def test_what_is_no_object_in_a_status_is_left_out() -> None:
    """A version to come may have something else there."""
    body = document(GOOD, ("Ready",))
    body["status"]["peers"].append("peer2")
    body["status"]["conditions"].append(None)

    assert peer_names(body) == ("peer1",)
    assert cluster_status(body, {}).ready


def test_sentences_that_differ_name_their_peers() -> None:
    """One peer may keep leases that the others do not."""
    other = {**report("peer2"), "selfPreservation": "Expiry is off.", "preserving": True}

    found = cluster_status(document(GOOD), {"peer1": report("peer1"), "peer2": other})

    assert found.preserving
    assert [each.text for each in lines(found)][1:] == [
        "All 7 leases are on time. (peer1)",
        "Expiry is off. (peer2)",
    ]


def test_a_new_object_has_no_status() -> None:
    """The operator may not run."""
    new = {"metadata": {"namespace": "shop", "name": "eureka"}}

    found = cluster_status(new, {})

    assert not found.ready
    assert "does it run?" in found.message
    assert peer_names(new) == ready_peers(new) == ()
    assert zone_names(new) == frozenset()


def test_names_are_those_of_the_status() -> None:
    """A peer that is not ready has a name, too."""
    found = document(GOOD, ("Ready", "Pending"))

    assert (peer_names(found), ready_peers(found)) == (("peer1", "peer2"), ("peer1",))
    assert zone_names(found) == {"zone-1", "zone-2"}


def test_peer_that_says_nothing_of_self_preservation_has_no_line() -> None:
    """Another program may answer in its place."""
    silent = {**report("peer2"), "selfPreservation": ""}
    found = cluster_status(document(GOOD), {"peer1": report("peer1"), "peer2": silent})

    assert [*lines(found)][1:] == [("self-preservation", "All 7 leases are on time.")]
