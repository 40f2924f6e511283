"""The policy that keeps annotations from claiming names of other namespaces, at an API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from cluster import parts
from cluster.plan import Plan
from processes.cluster import until
from support import helm as helms
from support.kubectl import Kubectl
from support.ownclusters import show_progress
from support.rendering import OPERATOR, of_kind, rendered

_KINDS: Final = ("ConfigMap", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
_NAME: Final = "eurekube-injector-names"


@pytest.fixture(scope="module")
def owner(
    cluster: Plan, api: Kubectl, pytestconfig: pytest.Config
) -> Iterator[tuple[Kubectl, Kubectl]]:
    """Two namespaces; orders and pay.v1 are given to the first one, everything with x to both."""
    with show_progress(pytestconfig):
        parts.build(parts.helm(helms.VERSIONS[-1]))
    with (
        api.in_a_namespace("home") as home,
        api.in_a_namespace("own") as own,
        api.in_a_namespace("other") as other,
    ):
        names = {own.namespace: ["ORDERS*", "pay.v?", "x*"], other.namespace: ["X*"]}
        values = {"injector": {"admissionPolicy": {"enabled": True, "names": names}}}
        helm = helms.helm(cluster, home.namespace, helms.VERSIONS[-1])
        made = [
            each
            for kind in _KINDS
            for each in of_kind(rendered(helm, OPERATOR, values), kind)
            if each["metadata"]["name"] == _NAME
        ]
        assert [each["kind"] for each in made] == [*_KINDS]
        text = yaml.safe_dump_all(made)
        Kubectl(api.program).apply(text)
        try:
            until(lambda: all(_has_account(each) for each in (own, other)))
            until(lambda: "claims the name" in _refusal(other, app="orders"))
            yield own, other
        finally:
            api("delete", "-f", "-", given=text)


@pytest.fixture
def own(owner: tuple[Kubectl, Kubectl]) -> Kubectl:
    """The namespace to which names were given."""
    return owner[0]


@pytest.fixture
def other(owner: tuple[Kubectl, Kubectl]) -> Kubectl:
    """Another one."""
    return owner[1]


def _has_account(kubectl: Kubectl) -> bool:
    """Without it no pod is made."""
    return kubectl.run_unchecked("get", "serviceaccount", "default").returncode == 0


def _refusal(kubectl: Kubectl, **annotations: str) -> str:
    """Why a pod with these annotations is refused; empty: it is not."""
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "probe",
            "annotations": {f"eurekube.io/{key}": text for key, text in annotations.items()},
        },
        "spec": {"containers": [{"name": "probe", "image": "probe"}]},
    }
    done = kubectl.run_unchecked("create", "--dry-run=server", "-f", "-", given=json.dumps(pod))
    assert done.returncode == 0 or "names" in done.stderr, done.stderr
    return "" if done.returncode == 0 else done.stderr


_CLAIMS: Final[tuple[dict[str, str], ...]] = (
    {"app": "ORDERS"},
    {"app": "Orders-v2"},
    {"vip": "free, orders"},
    {"app": "pay.v1"},
    {"instances": '[{"port": 1}, {"app" :\n"orders", "port": 2}]'},
    {"instances": '[{"vip":"free,orders-api","port":1}]'},
    {"instances": '[{"secureVip":"orders","securePort":1}]'},
    {"instances": '[{"\\u0061pp":"orders","port":1}]'},
)


@pytest.mark.parametrize("annotations", _CLAIMS, ids=str)
def test_name_that_was_given_to_another_namespace_is_refused(
    own: Kubectl, other: Kubectl, annotations: dict[str, str]
) -> None:
    """However it is written; who has it may take it."""
    said = _refusal(other, **annotations)

    assert "forbidden" in said.lower()
    if "\\" not in annotations.get("instances", ""):
        assert "which was given to another namespace" in said
        assert _refusal(own, **annotations) == ""


@pytest.mark.parametrize(
    "annotations",
    [
        {"app": "payments"},
        {"app": "payxv1"},
        {"app": "xylophone"},
        {"vip": "my-orders"},
        {"instances": '[{"app":"free","port":1,"metadata":{"note":"orders"}}]'},
        {"drain-seconds": "5"},
        {"metadata.app": "orders"},
    ],
    ids=str,
)
def test_what_is_free_or_given_to_several_may_be_taken(
    other: Kubectl, annotations: dict[str, str]
) -> None:
    """A dot is no wildcard, and what only looks like a name is none."""
    assert _refusal(other, **annotations) == ""


def test_pod_without_such_annotations_is_none_of_its_business(other: Kubectl) -> None:
    """It is asked about every pod of the cluster."""
    assert _refusal(other) == ""


def test_expressions_pass_the_type_check(other: Kubectl) -> None:
    """The controller manager looks for fields that objects of these types do not have."""

    def checked() -> dict[str, Any]:
        policy = Kubectl(other.program).get("validatingadmissionpolicy", _NAME)
        found: dict[str, Any] = policy.get("status", {})
        return found if "typeChecking" in found else {}

    status = until(checked)

    assert "expressionWarnings" not in status["typeChecking"], status
