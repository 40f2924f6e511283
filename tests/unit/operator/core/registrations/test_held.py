"""What a registry says it holds, as a real one says it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core.instances import NoInstancesError
from eureka_operator.core.registrations.held import (
    RegisteredInstance,
    read_registered,
    registered_content,
    removable_instance,
)
from eureka_operator.core.registrations.sources import Address, ServicePort
from eureka_operator.core.registrations.wanted import DesiredInstance
from eureka_sidecar.core.document import body
from eureka_sidecar.core.document import registration as document_of
from support.registrationobjects import EVERY_FIELD, SERVICE
from support.server import Running, running

from .registered import HTTP, HTTPS, PLACE, found, slice_of

DIRTY = 1_795_000_000_123


def every_field() -> DesiredInstance:
    """An instance that has all that can be."""
    spec = {key: value for key, value in EVERY_FIELD.items() if key != "address"}
    ports = (ServicePort("sql", 5432), ServicePort("sql-tls", 5433))
    (each,) = found(spec, slice_of("db", Address("10.1.0.1"), ports=ports)).instances.values()
    return each


def least() -> DesiredInstance:
    """An instance that has little."""
    (each,) = found(SERVICE, slice_of("db", Address("10.1.0.1"))).instances.values()
    return each


async def registered(peer: Running, wanted: DesiredInstance) -> None:
    """Register it as the operator does."""
    sent = body(document_of(wanted.instance, wanted.content, "UNKNOWN", DIRTY))
    assert (await peer.post(sent, wanted.key.app)).status == 204


async def read(peer: Running) -> dict[Any, RegisteredInstance]:
    """What it holds that is ours."""
    return read_registered((await peer.get("/apps")).body, PLACE.cluster_uid)


@pytest.mark.parametrize("make", [every_field, least])
async def test_what_was_registered_is_recognised(make: Any) -> None:  # noqa: ANN401
    """So a new leader renews it, and does not register it again."""
    wanted = make()
    async with running() as peer:
        await registered(peer, wanted)
        held = await read(peer)

    assert list(held) == [wanted.key]
    each = held[wanted.key]
    assert registered_content(each, wanted) == wanted.content
    assert each.dirty_ms == DIRTY
    assert (each.namespace, each.registration) == ("shop", "db")
    assert each.registration_uid == "uid-of-db"


async def test_what_differs_is_recognised_as_different() -> None:
    """Status and metadata are compared by the lease; anything else must not pass for the same."""
    wanted = least()
    other_vip = found({**SERVICE, "vipAddress": "other"}, slice_of("db", Address("10.1.0.1")))
    lease = {"renewalIntervalSeconds": 10, "durationSeconds": 180}
    other_lease = found({**SERVICE, "lease": lease}, slice_of("db", Address("10.1.0.1")))
    both = found(SERVICE, slice_of("db", Address("10.1.0.1"), ports=(HTTP, HTTPS)))
    async with running() as peer:
        await registered(peer, wanted)
        each = (await read(peer))[wanted.key]

    for other in (other_vip, other_lease, both):
        (changed,) = other.instances.values()
        assert changed.key == wanted.key
        assert registered_content(each, changed) != changed.content
        assert registered_content(each, changed) != wanted.content


def held_as(wanted: DesiredInstance, **changed: object) -> RegisteredInstance:
    """What is read of it when it is registered, but for some fields of the document."""
    sent = document_of(wanted.instance, wanted.content, "UNKNOWN", DIRTY)["instance"] | changed
    text = json.dumps({"applications": {"application": [{"instance": [sent]}]}})
    (each,) = read_registered(text.encode(), PLACE.cluster_uid).values()
    return each


_ASIDE = {
    "instanceId",
    "app",
    "status",
    "overriddenStatus",
    "countryId",
    "dataCenterInfo",
    "leaseInfo",
    "lastDirtyTimestamp",
    "metadata",
}
"""Who it is, what is compared by itself, and what is the same of all."""


@pytest.mark.parametrize("make", [every_field, least])
def test_each_field_of_the_document_is_compared(make: Any) -> None:  # noqa: ANN401
    """A new leader would go on renewing an address that nobody has any more."""
    wanted = make()
    document = document_of(wanted.instance, wanted.content, "UNKNOWN", DIRTY)["instance"]
    same = registered_content(held_as(wanted), wanted)
    passed = [
        name
        for name in document.keys() - _ASIDE
        if registered_content(held_as(wanted, **{name: "other"}), wanted) == wanted.content
    ]

    assert same == wanted.content
    assert passed == []


@pytest.mark.parametrize("name", ["renewalIntervalInSecs", "durationInSecs"])
def test_both_lengths_of_the_lease_are_compared(name: str) -> None:
    """Each of them decides how long the dead are called."""
    wanted = least()
    instance = wanted.instance
    lease = {
        "renewalIntervalInSecs": instance.renewal_s,
        "durationInSecs": instance.duration_s,
    }
    changed = held_as(wanted, leaseInfo=lease | {name: 91})

    assert registered_content(held_as(wanted, leaseInfo=lease), wanted) == wanted.content
    assert registered_content(changed, wanted) != wanted.content


def test_what_java_adds_to_metadata_is_none_of_them() -> None:
    """A registry of Java's shows the class of the map."""
    wanted = least()
    metadata = {**wanted.content.metadata, "@class": "java.util.Collections$EmptyMap"}

    assert registered_content(held_as(wanted, metadata=metadata), wanted) == wanted.content


def test_removal_keeps_the_lengths_of_the_lease() -> None:
    """By them the pauses between attempts are chosen."""
    lease = {"renewalIntervalInSecs": "10", "durationInSecs": 40}
    known = removable_instance(held_as(least(), leaseInfo=lease))
    unknown = removable_instance(held_as(least(), leaseInfo={"durationInSecs": -1}))

    assert (known.renewal_s, known.duration_s) == (10, 40)
    assert (unknown.renewal_s, unknown.duration_s) == (30, 90)


async def test_instance_with_an_override_is_registered_again() -> None:
    """What it was registered as is behind the override."""
    wanted = least()
    async with running() as peer:
        await registered(peer, wanted)
        await peer.put(f"/apps/{wanted.key.app}/{wanted.key.id}/status?value=OUT_OF_SERVICE")
        each = (await read(peer))[wanted.key]

    assert registered_content(each, wanted) != wanted.content


async def test_instances_of_others_are_not_ours() -> None:
    """Pods, and what the operator of another Kubernetes has registered in the same registry."""
    marks = {"registration-uid": "u", "registration": "db", "namespace": "shop"}
    async with running() as peer:
        await peer.reg("POD", "p1", metadata={"pod-uid": "u", "cluster-uid": "cluster-1"})
        await peer.reg("OTHER", "o1", metadata={**marks, "cluster-uid": "cluster-2"})
        await peer.reg("NOWHERE", "n1", metadata=marks)
        await peer.reg("EMPTY", "e1", metadata={**marks, "cluster-uid": ""})

        assert await read(peer) == {}
        assert read_registered((await peer.get("/apps")).body, "") == {}


def test_strange_documents_are_read_or_refused() -> None:
    """Whoever may register may write anything."""
    marks = {"registration-uid": 7, "cluster-uid": "cluster-1", "namespace": ["a"]}
    strange = {
        "app": "A",
        "instanceId": "a",
        "metadata": marks,
        "lastDirtyTimestamp": "soon",
        "leaseInfo": {"durationInSecs": "x"},
    }
    text = json.dumps({"applications": {"application": [{"instance": [strange]}]}})

    (each,) = read_registered(text.encode(), "cluster-1").values()

    assert (each.registration_uid, each.dirty_ms, each.duration_s) == ("7", 0, 0)
    with pytest.raises(NoInstancesError, match="not a list"):
        read_registered(b'{"applications": 3}', "cluster-1")
    instance = removable_instance(each)
    assert (instance.app, instance.id, instance.duration_s) == ("A", "a", 90)
