"""What the demo makes in a cluster: two namespaces, the operator unless there is one, a shop.

All of it is in the namespaces, but for what the chart makes for the whole cluster, which goes with
the release. A label of the namespaces says which run has made them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from cluster.images import ROOT
from cluster.progress import doing, say
from demo.errors import DemoError
from support.helm import Helm
from support.kubectl import Kubectl

OPERATORS: Final = "eurekube-demo-operator"
SHOP: Final = "eurekube-demo"
RELEASE: Final = "eurekube-demo"
SERVICES: Final = ("orders", "billing")
RUN: Final = "eurekube.io/demo"
"""The label with the name of the run."""
FOLDER: Final = ROOT / "examples" / "demo"
CRDS: Final = ("eurekaclusters.eurekube.io", "eurekaregistrations.eurekube.io")
_CHART: Final = ROOT / "charts" / "eurekube"
_IMAGE: Final = re.compile(r"\b(eurekube/registry):(\S+)")
_COMPONENT: Final = "app.kubernetes.io/name=eurekube,app.kubernetes.io/component"
_WAIT: Final = "--timeout=150s"


@dataclass(frozen=True)
class Images:
    """How images are called: below a registry, with a tag. Empty: as the charts call them."""

    registry: str = ""
    tag: str = ""

    @property
    def values(self) -> list[str]:
        """What the chart is told of them."""
        tags = ("image.tag", "registryImage.tag", "sidecarImage.tag") if self.tag else ()
        values = {"image.registry": self.registry, **dict.fromkeys(tags, self.tag)}
        return [f"--set-string={name}={value}" for name, value in values.items()]

    def named(self, text: str) -> str:
        """A text in which the registry's image has this name."""
        prefix = f"{self.registry.rstrip('/')}/" if self.registry else ""
        return _IMAGE.sub(lambda found: f"{prefix}{found[1]}:{self.tag or found[2]}", text)


def install_operator(kubectl: Kubectl, helm: Helm, images: Images, run: str) -> None:
    """Have an operator: that of the cluster, or one of our own until `remove`.

    Two operators must not watch the same namespaces.

    Raises:
        DemoError: the namespace is there, or the cluster's operator injects no sidecars.
    """
    there = _there(kubectl, "deployments", "--all-namespaces", f"--selector={_COMPONENT}=operator")
    if there:
        say("the operator of this cluster is used: it is installed already")
    else:
        make_namespace(kubectl, OPERATORS, run)
        crds = bool(_there(kubectl, "crd", CRDS[0], "--ignore-not-found"))
        own = f"--set=crds.install={str(not crds).lower()}"
        with doing("helm install of the operator"):
            helm.install(RELEASE, _CHART, own, *images.values, "--wait", _WAIT)
    trusted = "--for=jsonpath={.webhooks[0].clientConfig.caBundle}"
    injectors = ("mutatingwebhookconfigurations", f"--selector={_COMPONENT}=injector")
    if not _there(kubectl, *injectors):
        raise DemoError(
            "the operator of this cluster injects no sidecars (injector.enabled, Kubernetes 1.33)"
        )
    kubectl("wait", *injectors, trusted, _WAIT)


def make_namespace(kubectl: Kubectl, name: str, run: str, **labels: str) -> None:
    """Make a namespace of ours.

    Raises:
        DemoError: there is one of this name.
    """
    metadata = {"name": name, "labels": {RUN: run, **labels}}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    made = kubectl.run_unchecked("create", "-f", "-", given=json.dumps(document))
    if "AlreadyExists" in made.stderr:
        raise DemoError(
            f"there is a namespace {name}: another demo runs here, or one was killed;"
            " `make demo ARGS=--remove` removes what it has made"
        )
    if made.returncode != 0:
        raise DemoError(f"no namespace can be made: {made.stderr.strip()}")


def shop(images: Images) -> tuple[str, str]:
    """The documents of `examples/demo`: the peers, and with their program the services."""
    peers, separator, services = (FOLDER / "shop.yaml").read_text().partition("\n---\n")
    return peers + "\n", program() + separator + images.named(services)


def program() -> str:
    """The ConfigMap with what the services run."""
    data = {"service.py": (FOLDER / "service.py").read_text()}
    metadata = {"name": "service"}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def remove(kubectl: Kubectl, helm: Helm, run: str) -> None:
    """Remove what a run has made; an empty `run`: what any has made."""
    if _is_of(kubectl, SHOP, run):
        with doing(f"deleting the namespace {SHOP}"):
            kubectl("delete", "namespace", SHOP, _WAIT)
    if not _is_of(kubectl, OPERATORS, run):
        return
    with doing("helm uninstall of the operator"):
        helm.uninstall(RELEASE, "--ignore-not-found", "--wait", _WAIT)
        _remove_crds(kubectl)
    with doing(f"deleting the namespace {OPERATORS}"):
        kubectl("delete", "namespace", OPERATORS, _WAIT)


def _remove_crds(kubectl: Kubectl) -> None:
    """Delete the CRDs if they came with our release, and nobody has used them meanwhile."""
    ours = [name for name in CRDS if _release_of(kubectl, name) == OPERATORS]
    if not ours:
        return
    used = _there(kubectl, "eurekaclusters,eurekaregistrations", "--all-namespaces")
    if used:
        say(f"the CustomResourceDefinitions stay, as there are objects of them: {', '.join(used)}")
        return
    kubectl("delete", "crd", *ours, _WAIT)


def _release_of(kubectl: Kubectl, crd: str) -> str:
    """The namespace of the release that has a CRD; empty if it is not there, or of none."""
    said = kubectl("get", "crd", crd, "--ignore-not-found", "-o", "json")
    found: dict[str, Any] = json.loads(said) if said.strip() else {"metadata": {}}
    annotations = found["metadata"].get("annotations", {})
    return str(annotations.get("meta.helm.sh/release-namespace", ""))


def _is_of(kubectl: Kubectl, namespace: str, run: str) -> bool:
    selector = f"{RUN}={run}" if run else RUN
    found = _there(kubectl, "namespaces", f"--selector={selector}")
    return f"namespace/{namespace}" in found


def _there(kubectl: Kubectl, *words: str) -> list[str]:
    """Names of objects, as `kubectl get -o name` prints them."""
    return kubectl("get", *words, "--output=name").split()
