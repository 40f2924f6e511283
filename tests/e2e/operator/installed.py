"""The operator as people install it: by Helm, out of `charts/eurekube`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cluster import versions
from cluster.images import OPERATOR, REGISTRY, ROOT, SIDECAR
from e2e.clusters import Target
from processes.cluster import until
from support.kubectl import Kubectl

CHART: Final = ROOT / "charts" / "eurekube"
RELEASE: Final = "eurekube"
_PATIENCE_S: Final = 150
_PATIENCE: Final = f"{_PATIENCE_S}s"


class Operator:
    """A release of the chart, whose name has `eurekube` in it, in a namespace made with it."""

    lease: Final = "eurekube-operator"

    def __init__(
        self,
        target: Target,
        namespace: str = "eurekube",
        version: str = versions.HELM,
        release: str = RELEASE,
    ) -> None:
        self.namespace = namespace
        self.release = release
        self.deployment = f"{release}-operator"
        self.account = self.deployment
        """Its ServiceAccount."""
        self.injector = f"{release}-injector"
        """The Deployment of the injector, and its MutatingWebhookConfiguration."""
        self.kubectl = Kubectl(target.kubectl.program, namespace)
        self.helm = target.helm(namespace, version)
        self._images = [
            *_image("image", target.image(OPERATOR)),
            *_image("registryImage", target.image(REGISTRY)),
            *_image("sidecarImage", target.image(SIDECAR)),
        ]

    def install(self, *words: str, chart: Path = CHART) -> str:
        """Install it, or upgrade it to this, and wait until it works; what Helm prints.

        `words` are further arguments of Helm's. CRDs that an earlier release left are taken over.
        Where there is an injector, new pods are injected from now on.
        """
        ways = ("--install", "--create-namespace", "--take-ownership", "--wait")
        images = [word for image in self._images for word in ("--set-string", image)]
        timeout = f"--timeout={_PATIENCE}"
        said = self.helm.upgrade(self.release, chart, *ways, timeout, *images, *words)
        until(lambda: all(self._webhooks_trusted), _PATIENCE_S)
        return said

    def uninstall(self) -> None:
        """Remove the release and wait until its objects are gone; the CRDs stay."""
        self.helm.uninstall(self.release, "--ignore-not-found", "--wait", f"--timeout={_PATIENCE}")

    def scale(self, replicas: int) -> None:
        """Have so many of it, and wait until the others are gone and these are available."""
        self._scale(self.deployment, self.selector, replicas)

    def scale_injector(self, replicas: int) -> None:
        """The same with the injector."""
        self._scale(self.injector, self._selector("injector"), replicas)

    @property
    def selector(self) -> str:
        """The label selector of its pods."""
        return self._selector("operator")

    @property
    def pods(self) -> list[dict[str, Any]]:
        """Its pods."""
        found: list[dict[str, Any]] = self.kubectl.get("pods", f"--selector={self.selector}")[
            "items"
        ]
        return found

    @property
    def leader(self) -> str:
        """The pod that has the Lease; empty if none has."""
        spec = self.kubectl.get("lease", self.lease)["spec"]
        return str(spec.get("holderIdentity") or "").partition("_")[0]

    @property
    def title(self) -> str:
        """What it is called when something has failed."""
        return f"the operator in {self.namespace}"

    def explanation(self) -> str:
        """What a person would look at first."""
        logs = [
            ("logs", f"--selector={self._selector(component)}", "--tail=60", "--prefix")
            for component in ("operator", "injector")
        ]
        return self.kubectl.describe_all(("get", "pods", "-o", "wide"), ("get", "events"), *logs)

    @property
    def _webhooks_trusted(self) -> list[bool]:
        """Whether the API server has a CA for each webhook; empty: there is no injector."""
        kind = "mutatingwebhookconfigurations"
        found = self.kubectl.get(kind, f"--selector={self._selector('injector')}")["items"]
        return [
            bool(webhook["clientConfig"].get("caBundle"))
            for configuration in found
            for webhook in configuration["webhooks"]
        ]

    def _selector(self, component: str) -> str:
        return f"app.kubernetes.io/instance={self.release},app.kubernetes.io/component={component}"

    def _scale(self, deployment: str, selector: str, replicas: int) -> None:
        self.kubectl("scale", f"deployment/{deployment}", f"--replicas={replicas}")
        self.kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=150s")
        if replicas == 0:
            gone = ("wait", "--for=delete", "pod", f"--selector={selector}", "--timeout=150s")
            self.kubectl(*gone)


def _image(value: str, name: str) -> tuple[str, str]:
    """How the chart is told an image."""
    repository, _, tag = name.rpartition(":")
    return f"{value}.repository={repository}", f"{value}.tag={tag}"
