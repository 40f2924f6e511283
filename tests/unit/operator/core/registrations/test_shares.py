"""Who may register where, and who gets what two want."""

from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.injection.config import RegistryTarget, read_registry
from eureka_operator.core.registrations import shares as module
from eureka_operator.core.registrations.shares import refusal, shares
from eureka_operator.core.registrations.wanted import DesiredInstances, Finding, desired_instances
from support.clusterobjects import document as cluster_document
from support.registrationobjects import CLUSTER, ENDPOINT, FIXED

from .registered import PLACE, registration

SHOP = {"metadata": {"name": "shop", "labels": {"team": "orders"}}}


def cluster(namespace: str = "shop", **injection: Any) -> RegistryTarget:  # noqa: ANN401 - any field
    """An EurekaCluster."""
    document = cluster_document({"injection": injection} if injection else {})
    document["metadata"] |= {"namespace": namespace, "uid": "u"}
    found = read_registry(document, "cluster.local")
    assert isinstance(found, RegistryTarget), found
    return found


def test_registration_may_use_the_cluster_of_its_namespace() -> None:
    """Whatever its spec.injection is for."""
    assert refusal(registration(), cluster(), None) is None
    selector = {"matchLabels": {"team": "other"}}
    assert refusal(registration(), cluster(namespaceSelector=selector), None) is None


@pytest.mark.parametrize(
    ("injection", "namespace", "reason"),
    [
        ({}, SHOP, "NotAllowed"),
        ({"namespaceSelector": {"matchLabels": {"team": "other"}}}, SHOP, "NotAllowed"),
        ({"namespaceSelector": {"matchLabels": {"team": "orders"}}}, None, "NotAllowed"),
        ({"namespaceSelector": {"matchLabels": {"team": "orders"}}}, SHOP, ""),
        ({"namespaceSelector": {}}, SHOP, ""),
    ],
)
def test_cluster_of_another_namespace_has_to_select_it(
    injection: dict[str, Any],
    namespace: Any,  # noqa: ANN401 - as the API server has it
    reason: str,
) -> None:
    """A tenant must not write into the registry of another."""
    spec = {**FIXED, "clusterRef": {"name": "eureka", "namespace": "platform"}}

    found = refusal(registration(spec), cluster("platform", **injection), namespace)

    assert (found.reason if found else "") == reason


def test_cluster_that_is_not_there_is_named() -> None:
    """With its namespace, which people forget."""
    found = refusal(registration(), None, None)

    assert found is not None
    assert found.reason == "ClusterNotFound"
    assert found.message.startswith("there is no EurekaCluster shop/eureka:")


def test_object_that_is_being_deleted_wants_nothing() -> None:
    """The finalizer of somebody else may hold it for long."""
    deleted = registration(deletionTimestamp="2026-11-28T12:00:00Z")

    found = refusal(deleted, cluster(), None)

    assert found is not None
    assert found.reason == "Deleting"


def pair(name: str, created: str, *ids: str) -> Any:  # noqa: ANN401 - as `shares` takes it
    """A registration of fixed endpoints, all with the ids of one registration `x`."""
    spec = {**CLUSTER, "app": "A", "endpoints": [{**ENDPOINT, "id": each} for each in ids]}
    owner = registration(spec, name, creationTimestamp=created)
    return owner, desired_instances(registration(spec, "x"), (), (), PLACE)


def given(*pairs: Any) -> dict[str, list[str]]:  # noqa: ANN401
    """The ids that each gets."""
    return {uid: [key.id for key in each.instances] for uid, each in shares(pairs).items()}


def test_oldest_gets_what_two_want() -> None:
    """In whatever order they are read; the other one is told by whom it is registered."""
    older = pair("older", "2026-11-28T12:00:00Z", "1", "2")
    newer = pair("newer", "2026-11-28T13:00:00Z", "2", "3")

    for order in ((older, newer), (newer, older)):
        assert given(*order) == {
            "uid-of-older": ["shop:x:1", "shop:x:2"],
            "uid-of-newer": ["shop:x:3"],
        }
    (finding,) = shares([newer, older])["uid-of-newer"].findings
    assert finding.reason == "Conflict"
    assert "A/shop:x:2 is registered by EurekaRegistration shop/older" in finding.message


def test_same_age_is_settled_by_name() -> None:
    """Else two leaders might disagree."""
    one, two = pair("a", "2026-11-28T12:00:00Z", "1"), pair("b", "2026-11-28T12:00:00Z", "1")

    assert given(two, one) == given(one, two) == {"uid-of-a": ["shop:x:1"], "uid-of-b": []}


def test_all_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest has to do without."""
    monkeypatch.setattr(module, "MOST_IN_ALL", 3)
    one = pair("a", "2026-11-28T12:00:00Z", "1", "2")
    two = pair("b", "2026-11-28T13:00:00Z", "3", "4")

    assert given(one, two) == {
        "uid-of-a": ["shop:x:1", "shop:x:2"],
        "uid-of-b": ["shop:x:3"],
    }
    (finding,) = shares([one, two])["uid-of-b"].findings
    assert finding.reason == "TooManyInstances"


def test_what_just_fits_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of what does not, the same instances get in whoever counts."""
    monkeypatch.setattr(module, "MOST_IN_ALL", 2)
    fits = pair("a", "2026-11-28T12:00:00Z", "1", "2")
    more = pair("a", "2026-11-28T12:00:00Z", "3", "2", "1")

    assert shares([fits])["uid-of-a"].findings == ()
    assert given(more) == {"uid-of-a": ["shop:x:1", "shop:x:2"]}


def test_findings_of_each_stay() -> None:
    """What stood in the way before does so now."""
    finding = Finding("ServiceNotFound", "there is none")

    assert shares([(registration(), DesiredInstances({}, (finding,)))]) == {
        "uid-of-db": DesiredInstances({}, (finding,))
    }
