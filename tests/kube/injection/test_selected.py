"""Namespaces that an EurekaCluster chooses, without a label: by webhooks that the operator adds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from eureka_operator.core.injection.status import INJECTED_LABEL
from kube.injection.chain import NAME, WEBHOOK, Chain
from processes.cluster import until
from support.clusterobjects import document
from support.kubectl import Kubectl

_PROBE = ("run", "probe", "--image=probe", "--port=80", "--dry-run=server", "-o", "json")
_POLICY = "eurekube-select-namespaces"

Object = dict[str, Any]


@pytest.fixture
def infra(chain: Chain, api: Kubectl) -> Iterator[Kubectl]:
    """The namespace of a registry that others use; its webhooks are gone afterwards."""
    with api.in_a_namespace("infra") as kubectl:
        yield kubectl
        kubectl("delete", "eurekaclusters", "--all")
        until(lambda: added(chain) == [])


@pytest.fixture
def team(api: Kubectl) -> Iterator[Kubectl]:
    """A namespace without a registry and without the label that asks for sidecars."""
    with api.in_a_namespace("team") as kubectl:
        kubectl("label", "namespace", kubectl.namespace, f"example.com/team={kubectl.namespace}")
        yield kubectl


def selecting(namespace: str, **injection: object) -> Object:
    """A registry that chooses a namespace by its label."""
    condition = {"key": "example.com/team", "operator": "In", "values": [namespace]}
    selector = {"matchExpressions": [condition]}
    return document({"injection": {"namespaceSelector": selector, "default": True} | injection})


def added(chain: Chain) -> list[Object]:
    """The webhooks that are not the chart's."""
    return [each for each in chain.webhook()["webhooks"] if "clusters" in each["name"]]


def webhook_name(infra: Kubectl) -> str:
    """The webhook of its registry."""
    return f"eureka.{infra.namespace}.clusters.injector.eurekube.io"


def is_injected(kubectl: Kubectl, *flags: str) -> bool:
    """Whether a pod that is made now gets a sidecar."""
    return INJECTED_LABEL in kubectl(*_PROBE, *flags)


def test_namespace_is_injected_as_long_as_it_is_chosen(
    chain: Chain, infra: Kubectl, team: Kubectl, kubectl: Kubectl
) -> None:
    """A label on it has the last word; others are not asked about; nothing is left behind."""
    assert not is_injected(team)

    infra.apply(json.dumps(selecting(team.namespace)))

    until(lambda: is_injected(team))
    assert [each["name"] for each in added(chain)] == [webhook_name(infra)]
    before = chain.answers("skipped") + chain.answers("injected")
    assert not is_injected(kubectl)
    assert not is_injected(team, "--labels=eurekube.io/inject=disabled")
    team("label", "namespace", team.namespace, "eurekube.io/inject=disabled")
    until(lambda: not is_injected(team))
    team("label", "namespace", team.namespace, "eurekube.io/inject-")
    until(lambda: is_injected(team))

    infra("delete", "eurekacluster", "eureka")

    until(lambda: added(chain) == [])
    until(lambda: not is_injected(team))
    assert len(chain.webhook()["webhooks"]) == 2
    assert chain.answers("skipped") + chain.answers("injected") == before  # dry runs do not count


def test_own_namespace_is_chosen_without_a_selector(chain: Chain, infra: Kubectl) -> None:
    """One webhook for all such namespaces: thousands of them are one list."""
    infra.apply(json.dumps(document({"injection": {"default": True}})))

    until(lambda: is_injected(infra))

    (webhook,) = added(chain)
    assert webhook["name"] == "clusters.injector.eurekube.io"


def test_webhook_is_the_charts_in_all_but_whom_it_concerns(
    chain: Chain, infra: Kubectl, team: Kubectl
) -> None:
    """What is changed there is changed here, and what is changed here is put right."""
    infra.apply(json.dumps(selecting(team.namespace)))
    until(lambda: added(chain))

    def is_like_the_charts() -> bool:
        first, *_ = chain.webhook()["webhooks"]
        own = {"name", "namespaceSelector", "objectSelector"}
        return bool(added(chain)) and all(
            each[key] == value
            for each in added(chain)
            for key, value in first.items()
            if key not in own
        )

    until(is_like_the_charts)
    with chain.failing_closed():
        until(is_like_the_charts)
        assert added(chain)[0]["failurePolicy"] == "Fail"
    until(is_like_the_charts)
    chain.apply()  # an upgrade, as `helm template | kubectl apply` does it
    assert [each["name"] for each in added(chain)] == [webhook_name(infra)]
    number = [each["name"] for each in chain.webhook()["webhooks"]].index(webhook_name(infra))
    patch = json.dumps([{"op": "remove", "path": f"/webhooks/{number}"}])
    chain.api("patch", WEBHOOK, NAME, "--type=json", f"--patch={patch}")
    until(is_like_the_charts)


def test_who_may_edit_a_namespace_may_not_choose_others(
    chain: Chain, infra: Kubectl, team: Kubectl
) -> None:
    """Its sidecar, of any image, would run in the pods of others."""
    rights = [f"--namespace={infra.namespace}", "--clusterrole=edit", "--user=tenant"]
    infra("create", "rolebinding", "tenant", *rights)
    until(
        lambda: infra.run_unchecked("auth", "can-i", "create", "ekc", "--as=tenant").returncode == 0
    )
    apply = ("apply", "--server-side", "--as=tenant", "--field-manager=tenant", "-f", "-")

    def said(body: Object) -> str:
        return infra.run_unchecked(*apply, given=json.dumps(body)).stderr

    own = document({"injection": {"default": True, "sidecar": {"image": "mine"}}})
    until(lambda: "select-namespaces" in said(selecting(team.namespace)))
    assert "serverside-applied" in infra(*apply, given=json.dumps(own))

    infra("apply", "--server-side", "--force-conflicts", "-f", "-",
          given=json.dumps(selecting(team.namespace)))  # fmt: skip
    scaled = infra.run_unchecked("scale", "ekc/eureka", "--replicas=5", "--as=tenant")
    image = json.dumps({"spec": {"injection": {"sidecar": {"image": "another"}}}})
    refused = infra.run_unchecked(
        "patch", "ekc/eureka", "--type=merge", f"--patch={image}", "--as=tenant"
    )

    assert scaled.returncode == 0, scaled.stderr
    assert "select-namespaces" in refused.stderr
    assert "Forbidden" in refused.stderr or "forbidden" in refused.stderr
    policy = chain.api.get("validatingadmissionpolicy", _POLICY)
    assert "expressionWarnings" not in json.dumps(policy["status"])
