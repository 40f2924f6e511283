"""The operator's chart, as Helm 3 and Helm 4 render it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from charts import generate

from cluster.versions import DEFAULT_KUBERNETES
from eureka_operator import __main__ as program
from eureka_operator.shell import options
from support.helm import Helm
from support.rendering import (
    NAMESPACE,
    OPERATOR,
    OPERATOR_VALUES,
    Object,
    Values,
    images,
    of_kind,
    rendered,
    rendered_text,
)

_CHILDREN = ("get", "list", "watch", "create", "patch", "delete")
_OPERATORS_RIGHTS = {
    "eurekube.io/eurekaclusters": ("get", "list", "watch"),
    "eurekube.io/eurekaclusters/status": ("patch",),
    "eurekube.io/eurekaclusters/finalizers": ("update",),
    "/services": _CHILDREN,
    "/configmaps": _CHILDREN,
    "/serviceaccounts": _CHILDREN,
    "apps/statefulsets": _CHILDREN,
    "policy/poddisruptionbudgets": _CHILDREN,
    "networking.k8s.io/networkpolicies": _CHILDREN,
    "monitoring.coreos.com/servicemonitors": _CHILDREN,
    "/pods": ("list", "watch", "patch", "delete"),
    "/events": ("list", "create", "patch"),
}
_LEADER_RIGHTS = {
    "coordination.k8s.io/leases[eurekube-operator]": ("get", "update"),
    "coordination.k8s.io/leases": ("create",),
}
_TEST_RIGHTS = {
    "eurekube.io/eurekaclusters": ("create",),
    "eurekube.io/eurekaclusters[eurekube-test]": ("get", "delete"),
}


@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_values_are_rendered_without_a_warning(helm: Helm, values: Values) -> None:
    """Every kind of installation passes `helm lint --strict`."""
    helm("lint", "--strict", str(OPERATOR), *_VERSION, "--values=-", given=json.dumps(values))

    assert of_kind(rendered(helm, OPERATOR, values), "Deployment")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "replica"),
        ({"image": {"repo": "mine"}}, "repo"),
        ({"image": {"digest": "sha256:12"}}, "digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"watch": {"namespace": ["a"]}}, "namespace"),
        ({"watch": {"namespaces": "a"}}, "namespaces"),
        ({"watch": {"namespaces": ["A_B"]}}, "namespaces"),
        ({"log": {"level": "loud"}}, "level"),
        ({"log": None}, "log"),
        ({"crds": {"keep": "yes"}}, "keep"),
        ({"workers": 0}, "workers"),
        ({"imagePullSecrets": ["pull"]}, "imagePullSecrets"),
        ({"fullnameOverride": "Mine"}, "fullnameOverride"),
    ],
    ids=str,
)
def test_mistyped_value_is_refused(helm: Helm, values: Values, said: str) -> None:
    """Helm ignores unknown values unless a schema refuses them."""
    flags = [*_VERSION, "--values=-"]
    refused = helm.tried("template", "e", str(OPERATOR), *flags, given=json.dumps(values))

    assert refused.returncode != 0
    assert said in refused.stderr
    assert "specification" in refused.stderr or "schema" in refused.stderr


def test_one_value_prefixes_all_images(helm: Helm) -> None:
    """Whoever mirrors images sets it once; peers and the chart's own test are included."""
    objects = rendered(helm, OPERATOR, {"image": {"registry": "registry.example/mirror/"}})

    assert sorted(images(objects)) == [
        "registry.example/mirror/eurekube/operator:0.1.0",
        "registry.example/mirror/eurekube/operator:0.1.0",
        "registry.example/mirror/eurekube/registry:0.1.0",
    ]


def test_digest_beats_the_tag(helm: Helm) -> None:
    """What is pinned is what runs."""
    digest = "sha256:" + 64 * "a"
    image = {"digest": digest, "tag": "ignored"}

    objects = rendered(helm, OPERATOR, {"image": image, "registryImage": image})

    assert set(images(objects)) == {f"eurekube/operator@{digest}", f"eurekube/registry@{digest}"}


@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_operator_understands_what_it_is_started_with(helm: Helm, values: Values) -> None:
    """The chart's flags go through the operator's own parser."""
    container = _operator(rendered(helm, OPERATOR, values))

    read = options.read(program._parser().parse_args(container["args"]), {})

    assert read.registry_image in container["args"][1]
    assert read.namespaces == tuple(values.get("watch", {}).get("namespaces", ()))
    assert read.workers == (values.get("workers") or options.Options.workers)


def test_flags_of_values_that_are_not_set_are_left_out(helm: Helm) -> None:
    """Then the operator's own default holds."""
    container = _operator(rendered(helm, OPERATOR, OPERATOR_VALUES["everything off"]))

    assert container["args"] == ["run", "--registry-image=eurekube/registry:0.1.0"]


def test_rights_in_the_whole_cluster(helm: Helm) -> None:
    """Exactly what the operator does; the test on the API server's audit log says that it is."""
    objects = rendered(helm, OPERATOR, {})

    assert _rights(objects, "ClusterRole", "eurekube-operator") == _OPERATORS_RIGHTS
    assert _rights(objects, "Role", "eurekube-operator-leader-election") == _LEADER_RIGHTS
    assert _rights(objects, "Role", "eurekube-check") == _TEST_RIGHTS
    assert _bound(objects) == {
        ("ClusterRoleBinding", None, "ClusterRole/eurekube-operator", "eurekube-operator"),
        (
            "RoleBinding",
            NAMESPACE,
            "Role/eurekube-operator-leader-election",
            "eurekube-operator",
        ),
        ("RoleBinding", NAMESPACE, "Role/eurekube-check", "eurekube-check"),
    }


def test_rights_in_some_namespaces_are_none_elsewhere(helm: Helm) -> None:
    """No ClusterRole at all: a tenant can be given the operator."""
    objects = rendered(helm, OPERATOR, {"watch": {"namespaces": ["a", "b"]}})

    assert not of_kind(objects, "ClusterRole")
    assert {(kind, where, role) for kind, where, role, _ in _bound(objects)} == {
        ("RoleBinding", "a", "Role/eurekube-operator"),
        ("RoleBinding", "b", "Role/eurekube-operator"),
        ("RoleBinding", NAMESPACE, "Role/eurekube-operator-leader-election"),
        ("RoleBinding", "a", "Role/eurekube-check"),
    }
    roles = [
        each for each in of_kind(objects, "Role") if each["metadata"]["namespace"] != NAMESPACE
    ]
    operators = [each for each in roles if each["metadata"]["name"] == "eurekube-operator"]
    assert [each["metadata"]["namespace"] for each in operators] == ["a", "b"]
    assert [_of_rules(each["rules"]) for each in operators] == [_OPERATORS_RIGHTS] * 2


@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_nothing_may_read_secrets_or_give_rights_away(helm: Helm, values: Values) -> None:
    """The rights of the operator are worth nothing to who steals its token for more."""
    objects = rendered(helm, OPERATOR, values)

    rules = [
        rule
        for each in [*of_kind(objects, "ClusterRole"), *of_kind(objects, "Role")]
        for rule in each["rules"]
    ]
    said = {word for rule in rules for words in rule.values() for word in words}

    assert not said & {"*", "secrets", "nodes", "pods/exec", "roles", "clusterroles", "escalate"}
    assert not said & {"bind", "impersonate", "serviceaccounts/token"}


def test_users_get_the_rights_that_kubernetes_own_roles_give(helm: Helm) -> None:
    """Who may edit a namespace may make a registry in it, and scale it; who may view may look."""
    objects = rendered(helm, OPERATOR, {})

    roles = {
        each["metadata"]["name"]: {
            label.rpartition("-")[2]
            for label in each["metadata"]["labels"]
            if label.startswith("rbac.authorization.k8s.io/aggregate-to-")
        }
        for each in of_kind(objects, "ClusterRole")
    }
    assert roles == {
        "eurekube-operator": set(),
        "eurekube-view": {"view", "edit", "admin"},
        "eurekube-edit": {"edit", "admin"},
    }
    looking = {
        verb
        for verbs in _rights(objects, "ClusterRole", "eurekube-view").values()
        for verb in verbs
    }
    assert looking == {"get", "list", "watch"}
    editing = _rights(objects, "ClusterRole", "eurekube-edit")
    assert editing["eurekube.io/eurekaclusters/scale"] == ("update", "patch")
    assert "eurekube.io/eurekaclusters/status" not in editing
    assert (
        len(of_kind(rendered(helm, OPERATOR, {"rbac": {"aggregate": False}}), "ClusterRole")) == 1
    )


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_single_operator_has_no_disruption_budget(helm: Helm, replicas: int, budgets: int) -> None:
    """Its node could never be drained."""
    objects = rendered(helm, OPERATOR, {"replicas": replicas})

    assert len(of_kind(objects, "PodDisruptionBudget")) == budgets


def test_crds_are_kept_with_the_cluster_unless_asked_otherwise(helm: Helm) -> None:
    """An uninstall that deletes them deletes every registry; the rest of them never changes."""
    source = yaml.safe_load(generate.COPY.read_text())
    (kept,) = of_kind(rendered(helm, OPERATOR, {}), _CRD)
    (let_go,) = of_kind(rendered(helm, OPERATOR, {"crds": {"keep": False}}), _CRD)

    assert kept == source
    assert kept["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert "annotations" not in let_go["metadata"]
    assert let_go["spec"] == source["spec"]
    assert not of_kind(rendered(helm, OPERATOR, {"crds": {"install": False}}), _CRD)


def test_labels_of_the_user_do_not_break_selectors(helm: Helm) -> None:
    """A label that the chart needs cannot be taken over."""
    objects = rendered(helm, OPERATOR, OPERATOR_VALUES["everything on"])

    (deployment,) = of_kind(objects, "Deployment")
    selector = deployment["spec"]["selector"]["matchLabels"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    assert labels["team"] == "platform"
    (budget,) = of_kind(objects, "PodDisruptionBudget")
    (policy,) = of_kind(objects, "NetworkPolicy")
    (service,) = of_kind(objects, "Service")
    (monitor,) = of_kind(objects, "ServiceMonitor")
    assert budget["spec"]["selector"]["matchLabels"] == selector
    assert policy["spec"]["podSelector"]["matchLabels"] == selector
    assert service["spec"]["selector"] == selector
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_everything_has_its_namespace_and_a_name_of_the_release(helm: Helm, values: Values) -> None:
    """`helm template | kubectl apply` puts it where `helm install` does, two releases apart."""
    cluster_scoped = {_CRD, "ClusterRole", "ClusterRoleBinding"}
    name = values.get("fullnameOverride", "eurekube")

    for each in rendered(helm, OPERATOR, values):
        assert ("namespace" in each["metadata"]) == (each["kind"] not in cluster_scoped)
        if each["kind"] != _CRD and each["metadata"]["name"] != "operator":
            assert each["metadata"]["name"].startswith(f"{name}-")


def test_uid_is_left_to_the_image_and_to_openshift(helm: Helm) -> None:
    """A fixed uid is refused where each namespace has a range of its own."""
    assert "runAsUser" not in rendered_text(helm, OPERATOR, {"crds": {"install": False}})
    assert "fsGroup" not in rendered_text(helm, OPERATOR, {"crds": {"install": False}})


_CRD = "CustomResourceDefinition"
_VERSION = (f"--kube-version={DEFAULT_KUBERNETES}",)


def _operator(objects: list[Object]) -> dict[str, Any]:
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def _rights(objects: list[Object], kind: str, name: str) -> dict[str, tuple[str, ...]]:
    (role,) = [each for each in of_kind(objects, kind) if each["metadata"]["name"] == name]
    return _of_rules(role["rules"])


def _of_rules(rules: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Verbs by `group/resource`, with the names that a rule is limited to."""
    return {
        f"{group}/{resource}{only}": tuple(rule["verbs"])
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for only in _names(rule)
    }


def _names(rule: dict[str, Any]) -> Iterator[str]:
    if "resourceNames" not in rule:
        yield ""
    for name in rule.get("resourceNames", ()):
        yield f"[{name}]"


def _bound(objects: list[Object]) -> set[tuple[str, str | None, str, str]]:
    """Each binding: kind, namespace, role, and the ServiceAccount of the release's namespace."""
    found = set()
    for each in [*of_kind(objects, "ClusterRoleBinding"), *of_kind(objects, "RoleBinding")]:
        (subject,) = each["subjects"]
        assert subject["namespace"] == NAMESPACE
        role = f"{each['roleRef']['kind']}/{each['roleRef']['name']}"
        where = each["metadata"].get("namespace")
        found.add((each["kind"], where, role, subject["name"]))
    return found
