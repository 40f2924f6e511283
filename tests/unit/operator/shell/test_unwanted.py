"""The second look at a lease that nobody seems to want."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.registrations.held import RegisteredInstance
from eureka_operator.core.registrations.wanted import DesiredInstance, Key
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.mirror import Name
from eureka_operator.shell.sources import NamespaceSources
from eureka_operator.shell.unwanted import Owner, RemovalCheck, owner_of
from support.apiserver import ApiServer
from support.clusterobjects import document as cluster_document
from support.registrationobjects import FIXED, SERVICE, document
from unit.operator.core.registrations.registered import PLACE, registration, service, slice_of
from unit.operator.core.registrations.registered import found as derived
from unit.operator.core.registrations.test_wanted import ONE

CLUSTER = ClusterName("shop", "eureka")
OWNER = Owner(CLUSTER, "shop", "db", "uid-of-db")
GROUP = "/apis/eurekube.io/v1alpha1/namespaces/shop"
REGISTRATION = f"{GROUP}/eurekaregistrations/db"
EUREKA = f"{GROUP}/eurekaclusters/eureka"
DB = "/api/v1/namespaces/shop/services/db"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/db-1"
NOTHING = NamespaceSources({}, {})
SLICE_DOCUMENT: Object = {
    "metadata": {"labels": {"kubernetes.io/service-name": "db"}},
    "addressType": "IPv4",
    "ports": [{"name": "http", "port": 8080}],
    "endpoints": [{"addresses": ["10.1.0.1"]}],
}


def instance() -> DesiredInstance:
    """The instance that the Service's only endpoint is."""
    (each,) = derived(SERVICE, slice_of("db", ONE)).instances.values()
    return each


def instance_of_former_leader(key: Key) -> RegisteredInstance:
    """An instance that a former leader has registered."""
    return RegisteredInstance(
        key=key,
        registration_uid="uid-of-db",
        registration="db",
        namespace="shop",
        status="UP",
        overridden="UNKNOWN",
        dirty_ms=1,
        duration_s=180,
        renewal_s=30,
        metadata={},
        document={},
    )


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[ApiServer, RemovalCheck]]:
    """An API server that has all of it, though watches show nothing."""
    api = ApiServer()
    async with api.serving() as way, Client(way) as client:
        metadata = {"uid": "uid-of-db"}
        await api.put(REGISTRATION, document(SERVICE) | {"metadata": metadata})
        await api.put(EUREKA, cluster_document({}))
        await api.put(DB, {"spec": {"ports": [{"name": "http", "port": 8080}]}})
        await api.put(SLICE, SLICE_DOCUMENT)
        yield api, RemovalCheck(Kube(client), lambda _: NOTHING)


async def may_be_removed(unwanted: RemovalCheck, owner: Owner = OWNER) -> bool:
    """Whether the instance may be removed."""
    return await unwanted.removable(owner, [instance()], [], PLACE) == {instance().key}


async def test_instance_that_a_list_has_lost_stays() -> None:
    """Everything is there when it is asked for by name."""
    async with serving() as (_, unwanted):
        assert not await may_be_removed(unwanted)


@pytest.mark.parametrize("path", [REGISTRATION, EUREKA, DB, SLICE])
async def test_instance_goes_with_what_it_was_made_of(path: str) -> None:
    """The registration, its EurekaCluster, the Service, the slice."""
    async with serving() as (api, unwanted):
        await api.delete(path)

        assert await may_be_removed(unwanted)


@pytest.mark.parametrize("path", [REGISTRATION, EUREKA, DB, SLICE])
async def test_what_cannot_be_read_is_no_proof(path: str) -> None:
    """The caller keeps everything."""
    async with serving() as (api, unwanted):
        api.refused[path] = 503
        with pytest.raises(ApiError, match="503"):
            await may_be_removed(unwanted)


async def test_another_object_of_the_name_is_another() -> None:
    """It was deleted and made again: its leases begin anew."""
    async with serving() as (_, unwanted):
        assert await may_be_removed(unwanted, OWNER._replace(uid="former"))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({**SERVICE, "clusterRef": {"name": "other"}}, True),
        ({**SERVICE, "app": "OTHER"}, True),
        (FIXED, True),
        ({**SERVICE, "service": 7}, False),
    ],
)
async def test_registration_that_was_changed_is_believed(spec: Any, expected: bool) -> None:  # noqa: ANN401, FBT001
    """But not one that cannot be read: what it wants is not known."""
    async with serving() as (api, unwanted):
        await api.put(REGISTRATION, document(spec) | {"metadata": {"uid": "uid-of-db"}})

        assert await may_be_removed(unwanted) is expected


async def test_cluster_that_cannot_be_read_removes_nothing() -> None:
    """An operator that is older than its CRD reads no EurekaCluster: leases must not go for it."""
    async with serving() as (api, unwanted):
        await api.put(EUREKA, cluster_document({"replicas": "many"}))

        assert not await may_be_removed(unwanted)


async def test_what_a_former_leader_left_goes_only_beside_what_is_wanted() -> None:
    """An object that wants nothing at all looks like a list that is empty by a fault."""
    gone = Key("DB", "shop:db:10.1.0.9:8080")
    there = NamespaceSources(
        dict(_named(service())),
        dict(_named(slice_of("db", ONE))),
    )
    async with serving() as (_, unwanted):
        assert (
            await unwanted.removable(OWNER, [], [instance_of_former_leader(gone)], PLACE) == set()
        )
        unwanted._sources = lambda _: there
        assert await unwanted.removable(
            OWNER,
            [],
            [instance_of_former_leader(gone), instance_of_former_leader(instance().key)],
            PLACE,
        ) == {gone}


async def test_unknown_sources_keep_everything() -> None:
    """Their watches may just have begun."""
    async with serving() as (_, unwanted):
        unwanted._sources = lambda _: None

        assert not await may_be_removed(unwanted)


def test_owner_is_known_by_metadata() -> None:
    """The object itself may be gone."""
    assert owner_of(CLUSTER, registration().uid, instance()) == OWNER


def _named(each: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - of two kinds
    return [(Name(each.namespace, each.name), each)]
