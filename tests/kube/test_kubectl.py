"""`kubectl eureka` beside kubectl, on a real API server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import pytest
import yaml

from cluster.plan import Plan
from eureka_operator.core.injection.config import Config
from eureka_operator.core.injection.decide import Inject, decide
from eureka_operator.core.kinds import Object
from kube.operator.objects import install
from kubectl_eureka.__main__ import main
from processes.cluster import until
from support.clusterobjects import document
from support.kubectl import Kubectl
from unit.operator.core.injection.shapes import Shape, shapes

SHAPES: Final = shapes()
NO_NEW_POD: Final = frozenset({"79-ephemeral"})
"""No pod is made with ephemeral containers."""
_FLAGGED: Final = ("image", "resources", "allow_urls", "api_server")
"""Of an injector's config, what `--offline` has its own of."""
_LABEL: Final = "eurekube.io/inject=enabled"
_PATIENCE_S: Final = 60.0
DEPLOYMENT: Final = """\
# Orders of the shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
spec:
  replicas: 0
  selector:
    matchLabels: {app: orders}
  template:
    metadata:
      labels: {app: orders}
    spec:
      containers:
      - name: app
        image: shop/orders:1
        ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: ConfigMap # as it is
metadata: {name: orders}
"""
INJECTOR: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: eurekube-injector
  labels: &labels
    app.kubernetes.io/name: eurekube
    app.kubernetes.io/component: injector
    app.kubernetes.io/version: 0.1.0
spec:
  replicas: 0
  selector: {matchLabels: *labels}
  template:
    metadata: {labels: *labels}
    spec:
      containers:
      - name: injector
        image: eurekube/operator:0.1.0
        args: [injector, --sidecar-image=mirror.example/sidecar:1, --cluster-domain=shop.example]
"""


class Done(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


class Program:
    """`kubectl eureka` in this process, which has loaded it already; with flags of its own."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        said: pytest.CaptureFixture[str],
        patch: pytest.MonkeyPatch,
    ) -> None:
        self._flags = (f"--kubeconfig={kubeconfig}", f"--namespace={namespace}")
        self._said = said
        self._patch = patch

    def __call__(self, command: str, *words: str, given: str = "") -> str:
        """What it prints; `AssertionError` with what it says when it fails."""
        done = self.run_unchecked(command, *words, given=given)
        assert done.code == 0, done.err
        return done.out

    def run_unchecked(self, command: str, *words: str, given: str = "") -> Done:
        """What comes of it."""
        self._patch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(given.encode())))
        code = main([command, *self._flags, *words])
        return Done(code, *self._said.readouterr())


@pytest.fixture
def shop(api: Kubectl) -> Iterator[Kubectl]:
    """A namespace with a registry, whose label is not set yet."""
    install(api)
    with api.in_a_namespace("shop") as kubectl:
        kubectl.apply(json.dumps(document({}, "eureka")))
        until(lambda: kubectl.run_unchecked("get", "serviceaccount", "default").returncode == 0)
        yield kubectl


@pytest.fixture
def eureka(
    cluster: Plan,
    shop: Kubectl,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Program:
    """The program as an administrator, with `shop` as its namespace."""
    return Program(cluster.kubeconfig, shop.namespace, capsys, monkeypatch)


@pytest.fixture
def injector(api: Kubectl) -> Iterator[Kubectl]:
    """The injector's Deployment, in whose flags it is looked."""
    with api.in_a_namespace("eurekube") as kubectl:
        kubectl.apply(json.dumps(yaml.safe_load(INJECTOR)))
        yield kubectl
        kubectl("delete", "deployment", "eurekube-injector")


def label(kubectl: Kubectl) -> None:
    """Have the namespace opt in."""
    Kubectl(kubectl.program)("label", "namespace", kubectl.namespace, _LABEL)


def configuration(shape: Shape) -> Config | None:
    """The config of a shape as `--offline` has it; `None`: its flags are none of the program's."""
    if any(each in shape.config for each in _FLAGGED):
        return None
    return shape.configuration()


def write_shape(shape: Shape) -> str:
    """A file with the shape's namespace, registries and pod."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", **shape.namespace}
    given = ["shop/eureka"] if shape.registries is None else shape.registries
    clusters = []
    for each in given:
        place, _, name = each.partition("/")
        injection = {"injection": shape.injection} if shape.injection else {}
        body = document({**injection, **shape.security}, name)
        clusters.append({**body, "metadata": {**body["metadata"], "namespace": place}})
    pod = shape.given()
    own = {**pod.get("metadata", {}), "namespace": shape.namespace["metadata"]["name"]}
    objects = [namespace, *clusters, {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": own}]
    return "---\n".join(json.dumps(each) + "\n" for each in objects)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[Any]:
    """The objects that a command prints."""
    assert main(words) == 0, capsys.readouterr().err
    return [each for each in yaml.safe_load_all(capsys.readouterr().out) if each]


def test_injected_shapes_are_pods_and_come_back(
    shop: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is injected is accepted by the API server, and `uninject` gives it as it was."""
    file = tmp_path / "shape.yaml"
    pods: list[Object] = []
    for name in sorted(SHAPES.keys() - NO_NEW_POD):
        config = configuration(SHAPES[name])
        pod, namespace = SHAPES[name].given(), SHAPES[name].namespace
        if config is None or not isinstance(decide(pod, namespace, config), Inject):
            continue
        file.write_text(write_shape(SHAPES[name]))
        injected = printed(capsys, "inject", "--offline", "-f", str(file))[-1]
        file.write_text(json.dumps(injected))
        if SHAPES[name].first is None:
            (back,) = printed(capsys, "uninject", "-f", str(file))
            assert json.dumps(_sorted(back)) == json.dumps(_sorted(_placed(pod, namespace)))
        pods.append(_placed(injected, {"metadata": {"name": shop.namespace}}, f"s{name[:2]}-"))
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
    shop.run_unchecked("create", "-f", "-", given=_RUNTIME_CLASS)

    done = shop.run_unchecked("create", "--dry-run=server", "-o", "name", "-f", "-", given=given)

    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(pods) > 40


_RUNTIME_CLASS: Final = json.dumps(
    {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "gvisor"},
        "handler": "gvisor",
    }
)


def _placed(pod: Object, namespace: Object, generate: str = "") -> Object:
    metadata = {**pod.get("metadata", {}), "namespace": namespace["metadata"]["name"]}
    if generate:
        metadata.pop("name", None)
        metadata["generateName"] = generate
    return {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": metadata}


def _sorted(node: Any) -> Any:  # noqa: ANN401 - a document
    return json.loads(json.dumps(node, sort_keys=True))


def test_injected_file_is_applied_and_taken_back(
    cluster: Plan, shop: Kubectl, injector: Kubectl
) -> None:
    """`inject -f x.yaml | kubectl apply -f -`, with the image of the injector that is installed."""
    label(shop)
    shop("apply", "-f", "-", given=DEPLOYMENT)
    before = shop.get("deployment", "orders")

    flags = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={shop.namespace}")
    text = process("inject", "-f", "-", *flags, given=DEPLOYMENT)
    shop("apply", "-f", "-", given=text)

    assert text.startswith("# Orders of the shop.\n")
    assert text.endswith(
        "---\napiVersion: v1\nkind: ConfigMap # as it is\nmetadata: {name: orders}\n"
    )
    after = shop.get("deployment", "orders")
    (sidecar,) = after["spec"]["template"]["spec"]["initContainers"]
    assert sidecar["image"] == "mirror.example/sidecar:1"
    assert f"http://eureka.{shop.namespace}.svc.shop.example:8761/eureka/" in json.dumps(sidecar)
    live = shop("get", "deployment", "orders", "-o", "yaml")
    back = yaml.safe_load(process("uninject", "-f", "-", given=live))
    assert back["spec"]["template"] == before["spec"]["template"]
    assert back["status"] == after["status"]
    assert injector.namespace


def process(*words: str, given: str) -> str:
    """What the program prints in a process of its own, as in a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "kubectl_eureka", *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=True,
    ).stdout


def test_pods_are_explained(shop: Kubectl, eureka: Program, injector: Kubectl) -> None:
    """One that has its sidecar, one that was made too early, one that is left out."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "early"}}
    container = {"name": "app", "image": "a", "ports": [{"containerPort": 8080}]}
    early = {**pod, "spec": {"containers": [container]}}
    shop("create", "-f", "-", given=json.dumps(early))
    label(shop)
    late = {**early, "metadata": {"name": "late"}}
    shop("apply", "-f", "-", given=eureka("inject", "-f", "-", given=json.dumps(late)))
    off = {"name": "off", "labels": {"eurekube.io/inject": "disabled"}}
    shop("create", "-f", "-", given=json.dumps({**early, "metadata": off}))

    has, missing, left_out = (
        json.loads(eureka("explain", name, "-o", "json"))[0] for name in ("late", "early", "off")
    )

    assert has["outcome"] == "injected"
    assert has["now"]["sidecar"] == has["sidecar"]
    assert has["now"]["differences"] == []
    assert has["sidecar"]["image"] == "mirror.example/sidecar:1"
    assert has["sources"]["port"] == "the only port that is declared"
    assert missing["outcome"] == "injected"
    assert missing["now"]["sidecar"] is None
    assert missing["now"]["advice"]
    assert left_out["outcome"] == "skipped"
    assert left_out["rule"] == "the pod has the label eurekube.io/inject=disabled"
    assert left_out["reasons"][0]["code"] == "disabled_by_pod"
    assert injector.namespace


def test_workload_is_explained_before_it_has_pods(shop: Kubectl, eureka: Program) -> None:
    """By its template, in sentences."""
    label(shop)
    shop("apply", "-f", "-", given=DEPLOYMENT)

    lines = eureka("explain", "deploy/orders").splitlines()

    assert lines[0] == f"Deployment {shop.namespace}/orders"
    assert lines[1] == "  Each pod made from it gets a sidecar."
    assert eureka("explain", "-f", "-", given=DEPLOYMENT).splitlines() == lines


def test_person_with_few_rights_is_told_what_is_not_known(
    cluster: Plan,
    shop: Kubectl,
    eureka: Program,
    injector: Kubectl,
    tmp_path: Path,
) -> None:
    """The role `view` of one namespace is enough to see what a label does there."""
    label(shop)
    shop("apply", "-f", "-", given=DEPLOYMENT)
    own = f"--kubeconfig={_as(cluster, shop, tmp_path)}"

    refused = eureka.run_unchecked("explain", "deploy/orders", own)
    shop(
        "create",
        "rolebinding",
        "viewer",
        "--clusterrole=view",
        "--serviceaccount=" + shop.namespace + ":default",
    )
    shop("create", "role", "ekc", "--verb=list", "--resource=eurekaclusters.eurekube.io")
    shop(
        "create",
        "rolebinding",
        "ekc",
        "--role=ekc",
        "--serviceaccount=" + shop.namespace + ":default",
    )
    seen = eureka.run_unchecked("explain", "deploy/orders", own)

    assert refused.code == 3
    assert 'cannot get resource "deployments"' in refused.err
    assert "ask an administrator for this right" in refused.err
    assert seen.code == 0, seen.err
    assert "Each pod made from it gets a sidecar." in seen.out
    assert "the injector's flags are not known" in seen.err
    assert "EurekaClusters of other namespaces are not known" in seen.err
    assert injector.namespace


def _as(cluster: Plan, shop: Kubectl, folder: Path) -> Path:
    """A kubeconfig of an administrator who acts as a person without rights."""
    found = yaml.safe_load(cluster.kubeconfig.read_text())
    token = shop("create", "token", "default")
    found["users"][0]["user"] = {"token": token.strip()}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(found))
    return path


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["explain", "gone"], 3, "there is no Pod "),
        (["explain", "pod/gone", "--context=none"], 3, "none"),
        (["explain", "service/x"], 2, "kinds are pod, deployment"),
        (["explain"], 2, "name a pod, or files with -f"),
    ],
)
def test_errors_say_what_to_do(
    cluster: Plan,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    said: str,
) -> None:
    """In one line, and no traceback."""
    done = Program(cluster.kubeconfig, "default", capsys, monkeypatch).run_unchecked(*words)

    assert done.code == code
    assert said in done.err
    assert done.err.count("\n") == 1
