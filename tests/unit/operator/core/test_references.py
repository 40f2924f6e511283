from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.references import References
from support.clusterobjects import document

_EAST = ("east", "eureka")
_WEST = ("west", "eureka")


def _cluster(namespace: str, *regions: dict[str, Any], **metadata: object) -> dict[str, Any]:
    found = document({"registry": {"remoteRegions": [*regions]}})
    found["metadata"] |= {"namespace": namespace, "uid": "a", "generation": 1, **metadata}
    return found


def _region(namespace: str, name: str = "region") -> dict[str, Any]:
    return {"name": name, "clusterRef": {"name": "eureka", "namespace": namespace}}


@pytest.fixture
def references() -> References:
    """`east/eureka` names `west/eureka`, which is there and names nobody."""
    found = References()
    found.take(_cluster("east", _region("west")), deleted=False)
    found.take(_cluster("west"), deleted=False)
    return found


def test_cluster_that_is_there_at_last_concerns_who_names_it() -> None:
    """Its address was not known before."""
    references = References()
    assert references.take(_cluster("east", _region("west")), deleted=False) == []

    assert references.take(_cluster("west"), deleted=False) == [_EAST]


@pytest.mark.parametrize("metadata", [{"generation": 2}, {"uid": "b"}])
def test_cluster_that_changed_concerns_who_names_it(
    references: References, metadata: dict[str, Any]
) -> None:
    """A new one of the same name may have another port."""
    assert references.take(_cluster("west", **metadata), deleted=False) == [_EAST]


def test_status_of_a_named_cluster_concerns_nobody_else(references: References) -> None:
    """It is written often, and has nothing that remote regions need."""
    assert references.take(_cluster("west"), deleted=False) == []


def test_cluster_that_is_gone_concerns_who_names_it(references: References) -> None:
    """Its Service is gone, too."""
    assert references.take(_cluster("west"), deleted=True) == [_EAST]
    assert references.take(_cluster("west"), deleted=True) == []


@pytest.mark.parametrize("region", [{"name": "x", "url": "http://x:8761/eureka/"}, _region("far")])
def test_reference_that_was_taken_back_concerns_nobody(
    references: References, region: dict[str, Any]
) -> None:
    """What counts is the newest object."""
    references.take(_cluster("east", region, generation=2), deleted=False)

    assert references.take(_cluster("west", generation=2), deleted=False) == []


def test_reference_without_a_namespace_is_to_the_own_one() -> None:
    """As everywhere in Kubernetes."""
    references = References()
    other = {"name": "x", "clusterRef": {"name": "other"}}
    references.take(_cluster("west", other), deleted=False)

    assert references.take(_cluster("west", name="other"), deleted=False) == [_WEST]


def test_object_that_cannot_be_read_names_nobody(references: References) -> None:
    """It has no effect either."""
    broken = _cluster("east", {"name": "x"}, generation=2)
    references.take(broken, deleted=False)

    assert references.take(_cluster("west", generation=2), deleted=False) == []
