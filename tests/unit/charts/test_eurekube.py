"""The operator's chart, as Helm 3 and Helm 4 render it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from charts import generate

from cluster.versions import DEFAULT_KUBERNETES, HELM_4
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
    offline_helm,
    rendered,
    rendered_text,
)

_CHILDREN = ("get", "list", "watch", "create", "patch", "delete")
_OPERATORS_RIGHTS = {
    "eurekube.io/eurekaclusters": ("get", "list", "watch"),
    "eurekube.io/eurekaclusters/status": ("patch",),
    "eurekube.io/eurekaclusters/finalizers": ("update",),
    "eurekube.io/eurekaregistrations": ("get", "list", "watch"),
    "eurekube.io/eurekaregistrations/status": ("patch",),
    "discovery.k8s.io/endpointslices": ("get", "list", "watch"),
    "/services": _CHILDREN,
    "/configmaps": _CHILDREN,
    "/serviceaccounts": _CHILDREN,
    "/secrets": ("get", "create", "update"),
    "apps/statefulsets": _CHILDREN,
    "apps/controllerrevisions": ("list",),
    "policy/poddisruptionbudgets": _CHILDREN,
    "networking.k8s.io/networkpolicies": _CHILDREN,
    "monitoring.coreos.com/servicemonitors": _CHILDREN,
    "/pods": ("get", "list", "watch", "patch", "delete"),
    "/events": ("list", "create", "patch"),
}
_RIGHTS_BEYOND_NAMESPACES = {
    "/namespaces": ("get", "list", "watch"),
    "/nodes": ("get", "list", "watch"),
    "apiextensions.k8s.io/customresourcedefinitions[eurekaclusters.eurekube.io]": ("get",),
    "apiextensions.k8s.io/customresourcedefinitions[eurekaregistrations.eurekube.io]": ("get",),
}
_UID_ROLE = f"eurekube-operator-{NAMESPACE}-cluster-uid"
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
        ({"injector": {"failurePolicy": "fail"}}, "failurePolicy"),
        ({"injector": {"certificates": {"mode": "selfsigned"}}}, "mode"),
        ({"injector": {"allowUrls": True}}, "allowUrls"),
        ({"injector": {"port": 0}}, "port"),
        ({"injector": {"admissionPolicy": {"names": {"shop": ["(a"]}}}}, "names"),
    ],
    ids=str,
)
def test_mistyped_value_is_refused(helm: Helm, values: Values, said: str) -> None:
    """Helm ignores unknown values unless a schema refuses them."""
    flags = [*_VERSION, "--values=-"]
    refused = helm.run_unchecked("template", "e", str(OPERATOR), *flags, given=json.dumps(values))

    assert refused.returncode != 0
    assert said in refused.stderr
    assert "specification" in refused.stderr or "schema" in refused.stderr


def test_one_value_prefixes_all_images(helm: Helm) -> None:
    """Whoever mirrors images sets it once: for all programs, and for the chart's own test."""
    objects = rendered(helm, OPERATOR, {"image": {"registry": "registry.example/mirror/"}})

    assert sorted(images(objects)) == [
        "registry.example/mirror/eurekube/operator:0.1.0",
        "registry.example/mirror/eurekube/operator:0.1.0",
        "registry.example/mirror/eurekube/operator:0.1.0",
        "registry.example/mirror/eurekube/registry:0.1.0",
        "registry.example/mirror/eurekube/sidecar:0.1.0",
    ]


def test_digest_beats_the_tag(helm: Helm) -> None:
    """What is pinned is what runs."""
    digest = "sha256:" + 64 * "a"
    image = {"digest": digest, "tag": "ignored"}

    pinned = dict.fromkeys(("image", "registryImage", "sidecarImage"), image)
    objects = rendered(helm, OPERATOR, pinned)

    assert set(images(objects)) == {
        f"eurekube/{program}@{digest}" for program in ("operator", "registry", "sidecar")
    }


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

    assert _rights(objects, "ClusterRole", "eurekube-operator") == (
        _OPERATORS_RIGHTS | _RIGHTS_BEYOND_NAMESPACES
    )
    assert _rights(objects, "Role", "eurekube-operator-leader-election") == _LEADER_RIGHTS
    assert _rights(objects, "Role", "eurekube-check") == _TEST_RIGHTS
    assert {each for each in _bound(objects) if "injector" not in each[2]} == {
        ("ClusterRoleBinding", None, "ClusterRole/eurekube-operator", "eurekube-operator"),
        (
            "ClusterRoleBinding",
            None,
            "ClusterRole/system:service-account-issuer-discovery",
            "eurekube-operator",
        ),
        (
            "RoleBinding",
            NAMESPACE,
            "Role/eurekube-operator-leader-election",
            "eurekube-operator",
        ),
        ("RoleBinding", NAMESPACE, "Role/eurekube-check", "eurekube-check"),
    }


def test_right_to_evict_is_given_with_its_switch_alone(helm: Helm) -> None:
    """It holds for any pod, as PodDisruptionBudgets allow."""
    evicting = rendered(helm, OPERATOR, {"injector": {"evictMissed": True}})
    without = rendered(helm, OPERATOR, {"injector": {"evictMissed": True, "enabled": False}})

    rights = _rights(evicting, "ClusterRole", "eurekube-operator")
    assert rights["/pods/eviction"] == ("create",)
    assert "--evict-missed" in _operator(evicting)["args"]
    assert "/pods/eviction" not in _rights(without, "ClusterRole", "eurekube-operator")
    assert "--evict-missed" not in _operator(without)["args"]


def test_who_chooses_namespaces_needs_a_right_of_its_own(helm: Helm) -> None:
    """A policy of the API server; the injector's own namespaces need none."""
    kinds = [each["kind"] for each in rendered(helm, OPERATOR, {})]
    namespaced = rendered(helm, OPERATOR, {"watch": {"namespaces": ["a"]}})

    assert kinds.count("ValidatingAdmissionPolicy") == 1
    assert kinds.count("ValidatingAdmissionPolicyBinding") == 1
    assert not of_kind(namespaced, "ValidatingAdmissionPolicy")


def test_patterns_of_names_become_one_expression_of_each_namespace(helm: Helm) -> None:
    """Dots are dots; without the switch there is no policy."""
    given = {"team-a": ["ORDERS*", "pay.v?"], "team-b": ["x"]}
    policy = {"enabled": True, "names": given}

    made = rendered(helm, OPERATOR, {"injector": {"admissionPolicy": policy}})
    off = rendered(helm, OPERATOR, {"injector": {"admissionPolicy": {"names": given}}})

    (names,) = of_kind(made, "ConfigMap")
    assert names["data"] == {"team-a": r"^(orders.*|pay\.v.)$", "team-b": "^(x)$"}
    assert len(of_kind(made, "ValidatingAdmissionPolicy")) == 2
    assert not of_kind(off, "ConfigMap")


def test_operator_and_injector_decide_alike(helm: Helm) -> None:
    """Or the operator would miss sidecars that the injector was told not to give."""
    objects = rendered(helm, OPERATOR, {"injector": {"allowURLs": False}, "clusterDomain": "a.b"})

    for each in of_kind(objects, "Deployment"):
        args = each["spec"]["template"]["spec"]["containers"][0]["args"]
        assert {"--no-urls", "--cluster-domain=a.b"} <= set(args)


def test_rights_in_some_namespaces_are_none_elsewhere(helm: Helm) -> None:
    """No ClusterRole at all: a tenant can be given the operator."""
    objects = rendered(helm, OPERATOR, {"watch": {"namespaces": ["a", "b"]}})

    assert not of_kind(objects, "ClusterRole")
    assert {(kind, where, role) for kind, where, role, _ in _bound(objects)} == {
        ("RoleBinding", "a", "Role/eurekube-operator"),
        ("RoleBinding", "b", "Role/eurekube-operator"),
        ("RoleBinding", NAMESPACE, "Role/eurekube-operator-leader-election"),
        ("RoleBinding", "kube-system", f"Role/{_UID_ROLE}"),
        ("RoleBinding", "a", "Role/eurekube-check"),
    }
    assert _rights(objects, "Role", _UID_ROLE) == {"/namespaces[kube-system]": ("get",)}
    roles = [
        each for each in of_kind(objects, "Role") if each["metadata"]["namespace"] != NAMESPACE
    ]
    operators = [each for each in roles if each["metadata"]["name"] == "eurekube-operator"]
    assert [each["metadata"]["namespace"] for each in operators] == ["a", "b"]
    assert [_of_rules(each["rules"]) for each in operators] == [_OPERATORS_RIGHTS] * 2


@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_nothing_may_look_for_secrets_or_give_rights_away(helm: Helm, values: Values) -> None:
    """The rights of the operator are worth little to who steals its token for more.

    One Secret by its name is the injector's; to make it, no right to read any is needed. Those of
    EurekaClusters have names that their users choose: they are read by name, and never listed.
    """
    values = {**values, "rbac": {**values.get("rbac", {}), "secrets": False}}
    objects = rendered(helm, OPERATOR, values)

    rules = [
        rule
        for each in [*of_kind(objects, "ClusterRole"), *of_kind(objects, "Role")]
        for rule in each["rules"]
        if each["kind"] == "ClusterRole" or not _is_of_one_secret(rule)
    ]
    said = {word for rule in rules for words in rule.values() for word in words}

    assert not said & {
        "*",
        "secrets",
        "nodes/proxy",
        "pods/exec",
        "roles",
        "clusterroles",
        "escalate",
    }
    assert not said & {"bind", "impersonate", "serviceaccounts/token"}


@pytest.mark.parametrize("namespaces", [[], ["a"]])
def test_rights_to_secrets_are_three_and_can_be_withheld(helm: Helm, namespaces: list[str]) -> None:
    """In the operator's role alone."""
    kind, watch = "Role" if namespaces else "ClusterRole", {"namespaces": namespaces}
    given = rendered(helm, OPERATOR, {"watch": watch})
    withheld = rendered(helm, OPERATOR, {"watch": watch, "rbac": {"secrets": False}})

    assert _rights(given, kind, "eurekube-operator")["/secrets"] == ("get", "create", "update")
    assert "/secrets" not in _rights(withheld, kind, "eurekube-operator")


@pytest.mark.parametrize(
    ("wanted", "is_there", "expected"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_rights_to_certificates_are_given_where_cert_manager_is(
    helm: Helm, *, wanted: bool | None, is_there: bool, expected: bool
) -> None:
    """Every issuer can be asked by them; a value says otherwise."""
    words = ["--api-versions=cert-manager.io/v1/Certificate"] if is_there else []
    objects = rendered(helm, OPERATOR, {"rbac": {"certManager": wanted}}, *words)

    rights = _rights(objects, "ClusterRole", "eurekube-operator")
    given = rights.get("cert-manager.io/certificates")
    assert given == (_CHILDREN if expected else None)


def test_alerts_and_dashboard_are_those_of_their_files(helm: Helm) -> None:
    """What is tried by `tests/processes/test_alerts.py` is what is installed, on request only."""
    asked = {
        "metrics": {"prometheusRule": {"enabled": True}, "grafanaDashboard": {"enabled": True}}
    }
    objects = rendered(helm, OPERATOR, asked)

    (rule,) = of_kind(objects, "PrometheusRule")
    (config,) = of_kind(objects, "ConfigMap")
    assert rule["spec"] == yaml.safe_load((OPERATOR / "files" / "alerts.yaml").read_text())
    assert config["data"] == {"eurekube.json": generate.DASHBOARD.read_text()}
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert not of_kind(rendered(helm, OPERATOR, {}), "PrometheusRule")
    assert not of_kind(rendered(helm, OPERATOR, {}), "ConfigMap")


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
        "eurekube-injector": set(),
        "eurekube-injector-webhook": set(),
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
        len(of_kind(rendered(helm, OPERATOR, {"rbac": {"aggregate": False}}), "ClusterRole")) == 3
    )


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_single_replica_has_no_disruption_budget(helm: Helm, replicas: int, budgets: int) -> None:
    """Its node could never be drained."""
    operators = rendered(helm, OPERATOR, {"replicas": replicas, "injector": {"replicas": 0}})
    injectors = rendered(helm, OPERATOR, {"replicas": 0, "injector": {"replicas": replicas}})

    assert len(of_kind(operators, "PodDisruptionBudget")) == budgets
    assert len(of_kind(injectors, "PodDisruptionBudget")) == budgets


def test_crds_are_kept_with_the_cluster_unless_asked_otherwise(helm: Helm) -> None:
    """An uninstall that deletes them deletes every registry; the rest of them never changes."""
    sources = [yaml.safe_load(each.read_text()) for each in sorted(generate.COPIES.iterdir())]
    kept = _by_name(of_kind(rendered(helm, OPERATOR, {}), _CRD))
    let_go = _by_name(of_kind(rendered(helm, OPERATOR, {"crds": {"keep": False}}), _CRD))

    assert kept == sources
    for each, source in zip(let_go, sources, strict=True):
        assert source["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert "annotations" not in each["metadata"]
        assert each["spec"] == source["spec"]
    assert not of_kind(rendered(helm, OPERATOR, {"crds": {"install": False}}), _CRD)


@pytest.mark.parametrize("component", ["operator", "injector"])
def test_labels_of_the_user_do_not_break_selectors(helm: Helm, component: str) -> None:
    """A label that the chart needs cannot be taken over, and no selector matches the other's."""
    objects = [
        each
        for each in rendered(helm, OPERATOR, OPERATOR_VALUES["everything on"])
        if each["metadata"]["name"].startswith(f"mine-{component}")
    ]

    (deployment,) = of_kind(objects, "Deployment")
    selector = deployment["spec"]["selector"]["matchLabels"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    assert labels["team"] == "platform"
    assert selector["app.kubernetes.io/component"] == component
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


_WITH_INJECTOR = {
    name: values
    for name, values in OPERATOR_VALUES.items()
    if name not in ("namespaced", "everything off")
}


@pytest.mark.parametrize("values", _WITH_INJECTOR.values(), ids=_WITH_INJECTOR)
def test_injector_understands_what_it_is_started_with(helm: Helm, values: Values) -> None:
    """The chart's flags go through the injector's own parser, and name what the chart makes."""
    objects = rendered(helm, OPERATOR, values)
    container = _injector(objects)

    read = options.read_injector(program._parser().parse_args(container["args"]), {})

    (webhooks,) = of_kind(objects, _WEBHOOKS)
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    given = values.get("injector", {})
    assert read.sidecar_image in images(objects)
    assert read.name == webhooks["metadata"]["name"]
    assert {"https": read.port, "http": read.health_port} == ports
    assert read.allow_urls == given.get("allowURLs", True)
    for each in webhooks["webhooks"]:
        assert each["clientConfig"]["service"]["name"] == read.name


def test_operator_keeps_the_certificates_of_the_injector(helm: Helm) -> None:
    """Under the names that both derive from one."""
    for values in ({}, {"fullnameOverride": "mine"}):
        objects = rendered(helm, OPERATOR, values)
        parser = program._parser()
        injector = options.read_injector(parser.parse_args(_injector(objects)["args"]), {})
        operator = options.read(parser.parse_args(_operator(objects)["args"]), {})

        assert operator.injector == injector.name
        assert injector.secret == f"{operator.injector}-tls"


@pytest.mark.parametrize(
    "values",
    [
        {"injector": {"enabled": False}},
        {"watch": {"namespaces": ["a"]}},
        OPERATOR_VALUES["own certificate"],
        {"injector": {"certificates": {"mode": "cert-manager"}}},
    ],
    ids=["off", "namespaced", "provided", "cert-manager"],
)
def test_operator_keeps_no_certificates_of_others(helm: Helm, values: Values) -> None:
    """And has no right to any Secret then."""
    objects = rendered(helm, OPERATOR, values)

    assert not [each for each in _operator(objects)["args"] if "certificates" in each]
    assert not [each for each in objects if each["metadata"]["name"].endswith("-certificates")]


def test_nothing_of_an_injector_is_made_before_kubernetes_1_33(helm: Helm) -> None:
    """Kubelets without native sidecars would wait for them to finish."""
    flags = ("--kube-version=1.32.0", "--set=crds.install=false")
    text = helm("template", "eurekube", str(OPERATOR), *flags)

    assert "injector" not in text


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("crds.install=false", "kubectl label namespace NAMESPACE eurekube.io/inject=enabled"),
        ("injector.enabled=false", "There is no injector: injector.enabled is false."),
        ("watch.namespaces={a}", "There is no injector: it would be one for the whole cluster"),
    ],
)
def test_notes_say_how_pods_get_a_sidecar_or_why_not(
    pytestconfig: pytest.Config, value: str, sentence: str
) -> None:
    """Who installs reads them, once. Helm 3 shows none without a cluster."""
    helm = offline_helm(HELM_4, pytestconfig)

    notes = helm("install", "e", str(OPERATOR), "--dry-run=client", f"--set={value}")

    assert sentence in notes


def test_webhooks_ask_about_pods_that_asked_for_it(helm: Helm) -> None:
    """None twice unless its namespace's label is mistyped; none of the injector's own namespace."""
    (configuration,) = of_kind(rendered(helm, OPERATOR, {}), _WEBHOOKS)

    asked = {
        (namespace, pod): [
            each["name"].partition(".")[0]
            for each in configuration["webhooks"]
            if _matches(each["namespaceSelector"], _labels("shop", namespace))
            and _matches(each["objectSelector"], _labels("", pod))
        ]
        for namespace in (None, "enabled", "disabled", "yes")
        for pod in (None, "enabled", "disabled", "yes", "")
    }

    wanted: dict[tuple[str | None, str | None], list[str]]
    wanted = {("enabled", pod): ["namespace"] for pod in (None, "enabled", "yes", "")}
    wanted |= {("yes", None): ["namespace"]}
    wanted |= {("yes", pod): ["namespace", "pod"] for pod in ("enabled", "yes", "")}
    for namespace in (None, "disabled"):
        wanted |= {(namespace, pod): ["pod"] for pod in ("enabled", "yes", "")}
    assert {both: names for both, names in asked.items() if names} == wanted
    for namespace in ("kube-system", "kube-public", "kube-node-lease", NAMESPACE):
        for each in configuration["webhooks"]:
            assert not _matches(each["namespaceSelector"], _labels(namespace, "enabled"))


def test_webhooks_cost_little_and_block_nothing(helm: Helm) -> None:
    """As Kubernetes' page of good practices for admission webhooks has it."""
    (configuration,) = of_kind(rendered(helm, OPERATOR, {}), _WEBHOOKS)

    for each in configuration["webhooks"]:
        assert (each["failurePolicy"], each["timeoutSeconds"]) == ("Ignore", 5)
        assert (each["reinvocationPolicy"], each["sideEffects"]) == ("IfNeeded", "None")
        assert [rule["operations"] for rule in each["rules"]] == [["CREATE"]]
        assert [rule["resources"] for rule in each["rules"]] == [["pods"]]
        assert "kubernetes.io/config.mirror" in each["matchConditions"][0]["expression"]
        assert "caBundle" not in each["clientConfig"]


def test_provided_certificate_brings_its_ca(helm: Helm) -> None:
    """Nobody else would publish it."""
    objects = rendered(helm, OPERATOR, OPERATOR_VALUES["own certificate"])

    (configuration,) = of_kind(objects, _WEBHOOKS)
    assert [each["clientConfig"]["caBundle"] for each in configuration["webhooks"]] == ["Y2E="] * 2
    assert [each["failurePolicy"] for each in configuration["webhooks"]] == ["Fail"] * 2
    assert "--secret=mine" in _injector(objects)["args"]


@pytest.mark.parametrize("given", [{"secretName": "mine"}, {"caBundle": "Y2E="}], ids=str)
def test_half_of_a_provided_certificate_is_refused(helm: Helm, given: dict[str, str]) -> None:
    """The injector could never become ready."""
    values = {"injector": {"certificates": {"mode": "provided"} | given}}
    flags = [*_VERSION, "--values=-"]
    refused = helm.run_unchecked("template", "e", str(OPERATOR), *flags, given=json.dumps(values))

    assert refused.returncode != 0
    assert "is needed with injector.certificates.mode=provided" in refused.stderr


@pytest.mark.parametrize("issuer", ["", "company"])
def test_cert_manager_makes_the_certificate(helm: Helm, issuer: str) -> None:
    """Of an issuer of the cluster's, or of a CA of the chart's that outlives each certificate."""
    certificates = {"mode": "cert-manager", "issuer": {"kind": "ClusterIssuer", "name": issuer}}
    objects = rendered(helm, OPERATOR, {"injector": {"certificates": certificates}})

    (configuration,) = of_kind(objects, _WEBHOOKS)
    annotations = configuration["metadata"]["annotations"]
    made = {each["metadata"]["name"]: each["spec"] for each in of_kind(objects, "Certificate")}
    leaf = made["eurekube-injector"]
    assert annotations["cert-manager.io/inject-ca-from"] == f"{NAMESPACE}/eurekube-injector"
    assert leaf["dnsNames"][0] == f"eurekube-injector.{NAMESPACE}.svc"
    assert f"--secret={leaf['secretName']}" in _injector(objects)["args"]
    issuers = [each["metadata"]["name"] for each in of_kind(objects, "Issuer")]
    if issuer:
        assert (leaf["issuerRef"]["kind"], leaf["issuerRef"]["name"]) == ("ClusterIssuer", issuer)
        assert (len(made), issuers) == (1, [])
    else:
        assert (leaf["issuerRef"]["kind"], leaf["issuerRef"]["name"]) == (
            "Issuer",
            "eurekube-injector",
        )
        assert made["eurekube-injector-ca"]["isCA"]
        assert sorted(issuers) == ["eurekube-injector", "eurekube-injector-selfsigned"]


def test_rights_of_the_injector(helm: Helm) -> None:
    """It looks at what it decides by, and at one Secret; it writes nothing."""
    objects = rendered(helm, OPERATOR, {})

    assert _rights(objects, "ClusterRole", "eurekube-injector") == {
        "/namespaces": ("list", "watch"),
        "eurekube.io/eurekaclusters": ("list", "watch"),
        "admissionregistration.k8s.io/mutatingwebhookconfigurations[eurekube-injector]": (
            "list",
            "watch",
        ),
    }
    assert _rights(objects, "Role", "eurekube-injector") == {
        "/secrets[eurekube-injector-tls]": ("list", "watch")
    }
    assert _rights(objects, "ClusterRole", "eurekube-injector-webhook") == {
        "admissionregistration.k8s.io/mutatingwebhookconfigurations[eurekube-injector]": (
            "get",
            "list",
            "watch",
            "patch",
        ),
    }
    assert _rights(objects, "Role", "eurekube-injector-certificates") == {
        "/secrets[eurekube-injector-tls]": ("get", "list", "watch", "update"),
        "/secrets": ("create",),
    }
    assert {each for each in _bound(objects) if "injector" in each[2]} == {
        (
            kind,
            namespace,
            f"{kind.removesuffix('Binding')}/eurekube-injector{suffix}",
            account,
        )
        for kind, namespace, more in (
            ("ClusterRoleBinding", None, "-webhook"),
            ("RoleBinding", NAMESPACE, "-certificates"),
        )
        for suffix, account in (("", "eurekube-injector"), (more, "eurekube-operator"))
    }


def test_rollout_of_the_injector_leaves_no_gap(helm: Helm) -> None:
    """Pods that are made meanwhile would miss their sidecar for good."""
    (usual,) = _objects_named(rendered(helm, OPERATOR, {}), "Deployment", "eurekube-injector")
    values = OPERATOR_VALUES["node's network"]
    (on_nodes,) = _objects_named(
        rendered(helm, OPERATOR, values), "Deployment", "eurekube-injector"
    )

    assert usual["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "hostNetwork" not in usual["spec"]["template"]["spec"]
    assert on_nodes["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert on_nodes["spec"]["template"]["spec"]["hostNetwork"] is True


@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_everything_has_its_namespace_and_a_name_of_the_release(helm: Helm, values: Values) -> None:
    """`helm template | kubectl apply` puts it where `helm install` does, two releases apart."""
    cluster_scoped = {
        *(_CRD, "ClusterRole", "ClusterRoleBinding", _WEBHOOKS),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }
    name = values.get("fullnameOverride", "eurekube")

    for each in rendered(helm, OPERATOR, values):
        assert ("namespace" in each["metadata"]) == (each["kind"] not in cluster_scoped)
        if each["kind"] != _CRD and each["metadata"]["name"] != "operator":
            assert each["metadata"]["name"].startswith(f"{name}-")


def test_uid_is_left_to_the_image_and_to_openshift(helm: Helm) -> None:
    """A fixed uid is refused where each namespace has a range of its own."""
    assert "runAsUser" not in rendered_text(helm, OPERATOR, {"crds": {"install": False}})
    assert "fsGroup" not in rendered_text(helm, OPERATOR, {"crds": {"install": False}})


def _by_name(objects: list[Object]) -> list[Object]:
    return sorted(objects, key=lambda each: str(each["metadata"]["name"]))


_CRD = "CustomResourceDefinition"
_WEBHOOKS = "MutatingWebhookConfiguration"
_VERSION = (f"--kube-version={DEFAULT_KUBERNETES}",)


def _operator(objects: list[Object]) -> dict[str, Any]:
    return _container(objects, "operator")


def _objects_named(objects: list[Object], kind: str, name: str) -> list[Object]:
    return [each for each in of_kind(objects, kind) if each["metadata"]["name"] == name]


def _labels(name: str, inject: str | None) -> dict[str, str]:
    """Labels of a namespace of this name, or of a pod; `None`: without ours."""
    ours = {} if inject is None else {"eurekube.io/inject": inject}
    return {"kubernetes.io/metadata.name": name} | ours


def _matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector matches, by the rules of the API server."""
    for each in selector["matchExpressions"]:
        value = labels.get(each["key"])
        matches = {
            "In": value in each.get("values", ()),
            "NotIn": value not in each.get("values", ()),
            "Exists": value is not None,
        }
        if not matches[each["operator"]]:
            return False
    return True


def _injector(objects: list[Object]) -> dict[str, Any]:
    return _container(objects, "injector")


def _container(objects: list[Object], name: str) -> dict[str, Any]:
    found = [
        container
        for each in of_kind(objects, "Deployment")
        for container in each["spec"]["template"]["spec"]["containers"]
        if container["name"] == name
    ]
    (container,) = found
    return dict(container)


def _is_of_one_secret(rule: dict[str, Any]) -> bool:
    return rule["resources"] == ["secrets"] and (
        len(rule.get("resourceNames", ())) == 1 or rule["verbs"] == ["create"]
    )


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
