"""What the stand-in kubelet and its peers say."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from support.standin.documents import (
    NODE,
    Config,
    Listed,
    Pod,
    Situation,
    Step,
    config,
    next_step,
    peers_page,
    pod,
)

CONFIG = Config(
    generation=7,
    hash="0123456789abcdef",
    names={f"eureka-peer-{number}": f"peer{number}" for number in (1, 2, 3)},
    peers=tuple(Listed(f"peer{n}", f"http://peer{n}:8761/eureka/", "active") for n in (1, 2)),
)


def running(number: int) -> Pod:
    """A pod of the cluster that runs and is ready."""
    return Pod(
        namespace="prod",
        name=f"eureka-peer-{number}",
        uid=f"uid-{number}",
        cluster="eureka",
        node=NODE,
        address=f"10.250.0.{number}",
        ready=True,
        deleted=False,
    )


ONE, TWO, THREE = map(running, (1, 2, 3))
NEW = replace(ONE, node="", address="", ready=False)


def view_of_first_peer(
    situations: dict[tuple[str, str], Situation], others: tuple[Pod, ...] = (TWO, THREE)
) -> dict[str, Any]:
    """How the first peer sees the second."""
    page = peers_page(ONE, CONFIG, [ONE, *others], situations)
    found: dict[str, Any] = page["peers"][1]
    return found


@pytest.mark.parametrize(
    ("one", "step"),
    [
        (NEW, Step.BIND),
        (replace(NEW, node=NODE), Step.START),
        (replace(ONE, ready=False), Step.BECOME_READY),
        (ONE, None),
        (replace(ONE, deleted=True), Step.FINISH),
        (replace(NEW, deleted=True), Step.FINISH),
        (replace(NEW, node="node-1"), None),
        (replace(THREE, ready=False), None),
    ],
)
def test_pod_goes_from_bound_to_ready_and_is_finished(one: Pod, step: Step | None) -> None:
    """The third is not listed: the operator has to publish a peer before it gets ready."""
    assert next_step(one, CONFIG, None) is step


def test_pod_that_is_to_be_unready_is_made_so() -> None:
    """And is left so."""
    assert next_step(ONE, CONFIG, Situation.NOT_READY) is Step.BECOME_UNREADY
    assert next_step(replace(ONE, ready=False), CONFIG, Situation.NOT_READY) is None


def test_peers_agree_at_the_generation_and_hash_of_their_configuration() -> None:
    """That is what an operator waits for."""
    page = peers_page(ONE, CONFIG, [ONE, TWO], {})

    assert (page["name"], page["node"], page["generation"]) == ("peer1", "uid-1", 7)
    assert page["config"]["hash"] == "0123456789abcdef"
    assert [peer["self"] for peer in page["peers"]] == [True, False]
    assert view_of_first_peer({})["available"] is True
    assert view_of_first_peer({})["agreement"] == "agreed"


def test_peer_without_a_running_pod_is_not_available() -> None:
    """It is listed all the same."""
    seen = view_of_first_peer({}, others=())

    assert (seen["available"], seen["agreement"], seen["node"]) == (False, "unknown", None)


@pytest.mark.parametrize("who", [ONE, TWO])
def test_divergence_is_seen_from_both_sides(who: Pod) -> None:
    """Whichever of the two plays it."""
    assert view_of_first_peer({who.key: Situation.DIVERGED})["agreement"] == "diverged"


def test_peer_that_does_not_answer_is_not_available_to_others() -> None:
    """A policy that drops packets drops those of peers, too."""
    assert view_of_first_peer({TWO.key: Situation.UNREACHABLE})["available"] is False


def test_backlog_is_that_of_the_peer_that_sends() -> None:
    """The other has none."""
    assert view_of_first_peer({ONE.key: Situation.BACKLOG})["backlog"] > 0
    assert view_of_first_peer({TWO.key: Situation.BACKLOG})["backlog"] == 0


def test_config_map_is_read_as_a_peer_reads_it() -> None:
    """The hash is of the bytes as they are."""
    text = '{"port": 8761}'
    listed = {"name": "peer1", "url": "http://peer1:8761/eureka/", "zone": "", "state": "joining"}
    document = {"generation": 3, "names": {"eureka-peer-1": "peer1"}, "peers": [listed]}

    read = config({"data": {"config.json": text, "peers.json": json.dumps(document)}})

    assert read is not None
    assert read.hash == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (read.generation, read.peers[0].state) == (3, "joining")
    assert read.lists("eureka-peer-1")
    assert not read.lists("eureka-peer-2")
    assert config({"data": {"Corefile": ""}}) is None


def test_pod_is_read_as_the_api_has_it() -> None:
    """Fields that are not there yet are empty."""
    metadata = {
        "namespace": "prod",
        "name": "eureka-peer-1",
        "uid": "uid-1",
        "labels": {"eurekube.io/cluster": "eureka"},
    }
    status = {"podIP": "10.250.0.1", "conditions": [{"type": "Ready", "status": "True"}]}

    whole = {"metadata": metadata, "spec": {"nodeName": NODE}, "status": status}

    assert pod(whole) == ONE
    assert pod({"metadata": metadata, "spec": {}}) == NEW
    assert pod({**whole, "metadata": {**metadata, "deletionTimestamp": "now"}}).deleted
