from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core import names
from eureka_operator.core.kinds import SERVICE, Object
from eureka_operator.core.observed import Observed, Ref
from eureka_operator.core.peering import PeerList, peer_list, peer_url, replicas, seats, wanted_pods
from eureka_registry.peers.discovery import PeerList as RegistrysList
from eureka_registry.peers.discovery import parse_peers
from eureka_registry.peers.urls import normalise
from unit.operator.core.builders import (
    DOMAIN,
    ZONES,
    alias,
    cluster,
    config_map,
    listed,
    numbers,
    observed,
    own,
    pod,
    pods,
    report,
    stateful_set,
    url,
)

THREE_ZONES = {"topology": {"zones": [{"name": name} for name in "abc"]}}


def _list(seen: Observed) -> PeerList:
    return peer_list(seen, seats(seen), DOMAIN)


def _listed(seen: Observed) -> dict[str, str]:
    """State by name."""
    return {each.name: str(each.state) for each in _list(seen).peers}


def _cluster_of(count: int, *made: int) -> tuple[tuple[Ref, Object], ...]:
    """Alias Services of these pods, and a StatefulSet of `count` replicas."""
    return (*(alias(k, f"eureka-peer-{k}") for k in made), stateful_set(count))


@pytest.mark.parametrize(
    ("total", "expected"), [(0, [0, 0, 0]), (3, [1, 1, 1]), (4, [2, 1, 1]), (5, [2, 2, 1])]
)
def test_peers_are_dealt_over_zones_one_by_one(total: int, expected: list[int]) -> None:
    """So the zones differ by one peer at most, and a zone that is full keeps its peers."""
    assert [*replicas(cluster(THREE_ZONES | {"replicas": total})).values()] == expected


def test_numbers_go_round_the_zones() -> None:
    """So `peer1` and `peer2` are in different zones."""
    found = numbers(seats(observed(cluster(ZONES | {"replicas": 3}))))

    assert found == {"eureka-peer-a-1": 1, "eureka-peer-b-1": 2, "eureka-peer-a-2": 3}


def test_pod_keeps_its_number() -> None:
    """Whatever the order in which numbers would be given out now, or Services are read."""
    children = (own(SERVICE, "eureka"), alias(3, "eureka-peer-1"), alias(1, "eureka-peer-3"))
    seen = observed(cluster(), *children)

    assert [seat.number for seat in seats(seen)] == [1, 2, 3]
    assert numbers(seats(seen)) == {"eureka-peer-3": 1, "eureka-peer-2": 2, "eureka-peer-1": 3}


def test_new_pod_takes_the_lowest_free_number() -> None:
    """Certificates name `peer1` to `peer9`; numbers do not grow for ever."""
    seen = observed(cluster(), alias(2, "eureka-peer-1"), alias(4, "eureka-peer-3"))

    assert numbers(seats(seen))["eureka-peer-2"] == 1


def test_appended_zone_renames_nobody() -> None:
    """A pod that has to go keeps its number until it is gone, so nobody else gets it."""
    seen = observed(
        cluster(THREE_ZONES),
        alias(1, "eureka-peer-a-1"),
        alias(2, "eureka-peer-b-1"),
        alias(3, "eureka-peer-a-2"),
        stateful_set(2, "a"),
        stateful_set(1, "b"),
    )

    assert numbers(seats(seen)) == {
        "eureka-peer-a-1": 1,
        "eureka-peer-b-1": 2,
        "eureka-peer-a-2": 3,
        "eureka-peer-c-1": 4,
    }
    assert [seat.zone for seat in seats(seen) if not seat.wanted] == ["a"]


def test_pod_that_its_stateful_set_would_make_again_keeps_its_number() -> None:
    """It may just be restarting."""
    seen = observed(cluster({"replicas": 1}), *_cluster_of(2, 1, 2))

    assert numbers(seats(seen)) == {"eureka-peer-1": 1, "eureka-peer-2": 2}


def test_the_first_pod_keeps_its_number_as_well() -> None:
    """Where no peer is wanted any more, and it restarts before it goes."""
    seen = observed(cluster({"replicas": 0}), *_cluster_of(1, 1))

    assert numbers(seats(seen)) == {"eureka-peer-1": 1}


def test_leaving_peer_without_an_address_is_not_listed() -> None:
    """It will not be there again for long; a wanted one is waited for."""
    before = {"generation": 4, "names": {"eureka-peer-2": "peer2"}, "peers": [listed(2)]}
    seen = observed(
        cluster({"replicas": 1}),
        *_cluster_of(2, 1, 2),
        config_map(before),
        pods=pods(pod("eureka-peer-1")),
    )

    assert numbers(seats(seen)) == {"eureka-peer-1": 1, "eureka-peer-2": 2}
    assert _listed(seen) == {"peer1": "active"}


def test_pods_of_an_edited_stateful_set_are_no_peers() -> None:
    """They would get alias Services and a place in the list, for the moment until they go."""
    running = pods(*(pod(f"eureka-peer-{k}") for k in range(1, 8)))
    seen = observed(cluster(), *_cluster_of(1000, 1, 2, 3), pods=running)

    assert numbers(seats(seen)) == {f"eureka-peer-{k}": k for k in (1, 2, 3)}
    assert list(_listed(seen)) == ["peer1", "peer2", "peer3"]


def test_deleted_alias_services_rename_nobody() -> None:
    """`peers.json` is a second record; by order alone, `c-1` would be `peer3`."""
    given = {"a-1": 1, "b-1": 2, "c-1": 4}
    record = {f"eureka-peer-{pod_name}": f"peer{number}" for pod_name, number in given.items()}
    seen = observed(
        cluster(THREE_ZONES), config_map({"generation": 1, "names": record, "peers": []})
    )

    assert numbers(seats(seen)) == {
        f"eureka-peer-{pod_name}": number for pod_name, number in given.items()
    }


def test_edited_selector_renames_nobody() -> None:
    """A selector that somebody else changed is no record any more."""
    ref, body = alias(1, "eureka-peer-2")
    body["metadata"]["managedFields"][0] |= {"manager": "kubectl", "operation": "Update"}
    record = {f"eureka-peer-{k}": f"peer{k}" for k in (1, 2, 3)}
    seen = observed(
        cluster(),
        (ref, body),
        alias(3, "eureka-peer-3"),
        config_map({"generation": 1, "names": record, "peers": []}),
    )

    assert numbers(seats(seen)) == {f"eureka-peer-{k}": k for k in (1, 2, 3)}


@pytest.mark.parametrize("spec", [{}, {"selector": None}, {"selector": {"app": "x"}}])
def test_service_that_selects_no_pod_is_no_record(spec: Object) -> None:
    """Somebody removed the selector; `peers.json` still knows."""
    record = {"generation": 1, "names": {"eureka-peer-1": "peer2"}, "peers": []}
    seen = observed(cluster(), own(SERVICE, "peer2", {"spec": spec}), config_map(record))

    assert numbers(seats(seen))["eureka-peer-1"] == 2


def test_services_win_over_the_list() -> None:
    """Clients go by the Service; the list may be edited, or be late."""
    record = {"generation": 1, "names": {"eureka-peer-1": "peer1"}, "peers": []}
    seen = observed(cluster(), alias(3, "eureka-peer-1"), config_map(record))

    assert numbers(seats(seen))["eureka-peer-1"] == 3


def test_number_is_given_once() -> None:
    """Peers refuse a list that calls two pods by one name; somebody edited it."""
    record = {"eureka-peer-1": "peer2", "eureka-peer-2": "peer2"}
    seen = observed(cluster(), config_map({"generation": 1, "names": record, "peers": []}))

    assert numbers(seats(seen)) == {"eureka-peer-1": 2, "eureka-peer-2": 1, "eureka-peer-3": 3}


def test_services_with_similar_names_are_no_record() -> None:
    """`peer-x` and `peers` begin with the prefix, too."""
    ref, body = alias(1, "eureka-peer-3")
    similar = [((ref[0], name), body) for name in ("peer", "peers", "peer-1", "other1")]

    assert numbers(seats(observed(cluster(), *similar)))["eureka-peer-3"] == 3


def test_names_have_every_wanted_pod_before_it_exists() -> None:
    """A peer looks itself up there at its start."""
    found = _list(observed(cluster()))

    assert found.names == {f"eureka-peer-{k}": f"peer{k}" for k in (1, 2, 3)}
    assert found.peers == ()


def test_peer_is_listed_once_it_has_an_address_and_its_alias_service() -> None:
    """A name that is asked for too early is remembered as missing by the cluster's DNS."""
    seen = observed(
        cluster(),
        *_cluster_of(3, 1, 2),
        pods=pods(
            pod("eureka-peer-1"), pod("eureka-peer-2", ip=""), pod("eureka-peer-3", ip="10.0.0.3")
        ),
    )

    assert _listed(seen) == {"peer1": "active"}


def test_listed_peer_stays_listed_while_its_pod_restarts() -> None:
    """Changes for it wait for it, and it is back within seconds."""
    names_now = {f"eureka-peer-{k}": f"peer{k}" for k in (1, 2)}
    before = {"generation": 4, "names": names_now, "peers": [listed(1), listed(2)]}
    seen = observed(
        cluster({"replicas": 2}),
        *_cluster_of(2, 1, 2),
        config_map(before),
        pods=pods(pod("eureka-peer-1"), pod("eureka-peer-2", ip="", ready=False)),
    )

    assert _listed(seen) == {"peer1": "active", "peer2": "active"}
    assert _list(seen).generation == 4


def _joining(before: list[dict[str, str]], **rest: Any) -> dict[str, str]:  # noqa: ANN401
    """The list when `eureka-peer-2` is not ready, or as `rest` says."""
    names_now = {f"eureka-peer-{k}": f"peer{k}" for k in (1, 2)}
    seen = observed(
        cluster({"replicas": 2}),
        *_cluster_of(2, 1, 2),
        config_map({"generation": 4, "names": names_now, "peers": before}),
        pods=pods(pod("eureka-peer-1"), pod("eureka-peer-2", **({"ready": False} | rest))),
    )
    return _listed(seen)


def test_peer_is_joining_until_it_is_ready_for_the_first_time() -> None:
    """From then on it may be asked for what it holds, also while it is not ready."""
    assert _joining([])["peer2"] == "joining"
    assert _joining([listed(2, "joining")])["peer2"] == "joining"
    assert _joining([listed(2, "joining")], ready=True)["peer2"] == "active"
    assert _joining([listed(2, "active")])["peer2"] == "active"


def test_peer_that_is_wanted_again_joins_again() -> None:
    """It was draining; others have to send it changes while it copies."""
    assert _joining([listed(2, "draining")])["peer2"] == "joining"


def test_number_of_a_pod_that_is_gone_says_nothing_about_the_next_one() -> None:
    """The new `peer2` has no address yet; what was listed was another pod."""
    before = {
        "generation": 4,
        "names": {"eureka-peer-a-1": "peer1", "eureka-peer-b-1": "peer2"},
        "peers": [listed(1), listed(2, "draining")],
    }
    seen = observed(
        cluster({"replicas": 2} | ZONES | {"topology": {"zones": [{"name": "a"}, {"name": "c"}]}}),
        alias(1, "eureka-peer-a-1"),
        alias(2, "eureka-peer-b-1"),
        config_map(before),
        pods=pods(pod("eureka-peer-a-1")),
    )

    assert numbers(seats(seen))["eureka-peer-c-1"] == 2
    assert _listed(seen) == {"peer1": "active"}


def test_peer_is_draining_once_its_deletion_has_begun() -> None:
    """Before that it takes clients' changes, so the others still need what it sends."""
    leaving = pod("eureka-peer-2")
    seen = observed(
        cluster({"replicas": 1}),
        *_cluster_of(2, 1, 2),
        pods=pods(pod("eureka-peer-1"), leaving),
    )
    deleted = pod("eureka-peer-2", ready=False, deleting_since=seen.now)
    later = observed(seen.cluster, *_cluster_of(1, 1, 2), pods=pods(pod("eureka-peer-1"), deleted))

    assert _listed(seen)["peer2"] == "active"
    assert _listed(later)["peer2"] == "draining"


def test_peer_that_restarts_is_not_draining() -> None:
    """It is wanted; the others go on sending to it."""
    assert _joining([listed(2)], deleting_since=observed(cluster()).now)["peer2"] == "active"


def test_peer_that_is_gone_is_not_listed() -> None:
    """Else the others would call it again and again."""
    before = {"generation": 4, "names": {"eureka-peer-2": "peer2"}, "peers": [listed(2)]}
    seen = observed(
        cluster({"replicas": 1}),
        *_cluster_of(1, 1, 2),
        config_map(before),
        pods=pods(pod("eureka-peer-1")),
    )

    assert _listed(seen) == {"peer1": "active"}
    assert _list(seen).names == {"eureka-peer-1": "peer1"}


def _with_list(text: str, **rest: Any) -> Observed:  # noqa: ANN401
    running = pods(*(pod(f"eureka-peer-{k}") for k in (1, 2, 3)))
    return observed(
        cluster(), *_cluster_of(3, 1, 2, 3), config_map(text), **({"pods": running} | rest)
    )


def test_generation_stays_while_the_list_says_the_same() -> None:
    """A new one would be a write, and work for every peer."""
    first = _list(_with_list(""))

    assert first.generation == 1
    assert _list(_with_list(first.text)) == first
    assert _list(_with_list(first.text)).text == first.text


def test_generation_grows_with_every_change() -> None:
    """Peers and operator tell lists apart by it."""
    first = _list(_with_list(""))
    running = pods(pod("eureka-peer-1"), pod("eureka-peer-2"))

    assert _list(_with_list(first.text.replace("active", "joining"))).generation == 2
    assert _list(_with_list("", pods=running)).generation == 1


@pytest.mark.parametrize("text", ["", '{"generation": 2}', "same"])
def test_generation_goes_beyond_what_peers_have_seen(text: str) -> None:
    """The ConfigMap was deleted, or edited back; peers have the lost list in force."""
    same = _list(_with_list("")).text
    seen = {"eureka-peer-2": report(generation=7), "eureka-peer-1": "does not answer"}

    found = _list(_with_list(same if text == "same" else text, reports=seen))

    assert found.generation == 8


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '{"peers": 1}',
        '{"generation": "x"}',
        '{"generation": Infinity}',
        '{"peers": [{"name": "peer1", "url": "u", "state": "unheard-of"}]}',
        '{"names": {"eureka-peer-1": 1}}',
    ],
)
def test_broken_list_is_replaced(text: str) -> None:
    """Somebody edited the ConfigMap; the alias Services still know who is who."""
    found = _list(_with_list(text))

    assert found == _list(_with_list(""))


def test_outside_peers_are_listed_with_names_of_their_own() -> None:
    """A Java Eureka, for example; the password in a URL is not a name."""
    urls = ["http://user:secret@java:8761/eureka/", "http://java:8761/other/"]
    found = _list(observed(cluster({"replicas": 0, "peers": {"extraPeerURLs": urls}})))

    assert [(each.name, each.url) for each in found.peers] == [
        ("java:8761", urls[0]),
        ("java:8761-2", urls[1]),
    ]


def test_registry_reads_the_list() -> None:
    """The two programs share nothing but this text."""
    whole = _list(_with_list(""))
    found = parse_peers(whole.text)

    assert isinstance(found, RegistrysList), found
    assert (found.generation, found.names) == (1, whole.names)
    assert [(each.name, each.state.value) for each in found.peers] == [
        (f"peer{k}", "active") for k in (1, 2, 3)
    ]


def test_url_is_spelt_as_peers_report_it() -> None:
    """Convergence compares the two as texts."""
    found = peer_url(observed(cluster()), 2, DOMAIN)

    assert found == url(2) == normalise(found)


def test_context_path_is_not_in_peers_urls() -> None:
    """It is for clients; peers serve the plain path, too."""
    assert peer_url(observed(cluster({"peers": {"contextPath": "/a"}})), 2, DOMAIN) == url(2)


def test_pods_are_named_as_their_stateful_sets_name_them() -> None:
    """Ordinals begin with 1."""
    assert wanted_pods(cluster({"replicas": 2})) == [("eureka-peer-1", ""), ("eureka-peer-2", "")]
    assert names.zone("eureka", names.stateful_set("eureka", "a")) == "a"
    assert names.zone("eureka", names.stateful_set("eureka")) == ""


def test_list_is_readable() -> None:
    """People look at it when something is wrong."""
    assert json.loads(_list(_with_list("")).text)["peers"][0] == listed(1)


def test_service_whose_name_is_a_number_alone_is_no_alias() -> None:
    """Names of peers begin with `dnsPrefix`."""
    selector = {"selector": {names.POD_NAME_LABEL: "eureka-peer-2"}}
    seen = observed(cluster({"replicas": 2}), own(SERVICE, "1", {"spec": selector}))

    assert numbers(seats(seen)) == {"eureka-peer-1": 1, "eureka-peer-2": 2}
