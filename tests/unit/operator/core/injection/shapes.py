"""Shapes of pods in files, and what the tests of injection begin with.

A file of `shapes/` has a `pod`, what it is `about`, and where it differs from what is usual: the
`namespace` (opted in), the `registries` (one in the namespace) with their `injection` and
`security` (fields `tls` and `auth`), fields of the `config`. With `first` the pod has been injected
by a config with these fields; then another injector has put items of `between` first in its lists,
or it was `copied` as `kubectl debug` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from eureka_operator.core.injection.config import Config, RegistryTarget, read_registry
from eureka_operator.core.injection.decide import Decision, Inject, apply_decision, decide
from eureka_operator.core.kinds import Object
from support.clusterobjects import document

FOLDER: Final = Path(__file__).with_name("shapes")
DOMAIN: Final = "cluster.local"
NAMESPACE: Final[Object] = {
    "metadata": {"name": "shop", "labels": {"eurekube.io/inject": "enabled"}}
}


def registry(
    name: str, namespace: str, injection: Object | None = None, **spec: Object
) -> RegistryTarget:
    """A registry of two peers."""
    body = document({**({"injection": injection} if injection else {}), **spec}, name)
    body["metadata"]["namespace"] = namespace
    body["status"] = {"endpoints": endpoints(name, namespace)}
    found = read_registry(body, DOMAIN)
    assert isinstance(found, RegistryTarget), found
    return found


def endpoints(name: str, namespace: str) -> Object:
    """`status.endpoints` of such a registry."""
    peers = [f"http://peer{number}.{namespace}.svc.{DOMAIN}:8761/eureka/" for number in (1, 2)]
    internal = f"http://{name}.{namespace}.svc.{DOMAIN}:8761/eureka/"
    return {"internal": internal, "defaultZone": ",".join(peers)}


def config(**rest: Any) -> Config:  # noqa: ANN401 - fields of different types
    """What the injector is run with."""
    fields = {
        "image": "eurekube/sidecar:0.1.0",
        "version": "0.1.0",
        "registries": (registry("eureka", "shop"),),
        "own_namespace": "eurekube-system",
        "cluster_uid": "0000-kube-system",
    }
    return Config(**{**fields, **rest})


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `shapes/`."""

    about: str
    pod: Object
    namespace: Object = msgspec.field(default_factory=lambda: NAMESPACE)
    config: Object = {}
    registries: list[str] | None = None
    injection: Object | None = None
    security: Object = {}
    first: Object | None = None
    between: dict[str, list[Object]] = {}
    copied: bool = False

    def configuration(self) -> Config:
        """What the injector is run with."""
        fields = dict(self.config)
        if "api_server" in fields:
            fields["api_server"] = tuple(fields["api_server"])
        if self.registries is not None or self.security:
            named = [each.split("/") for each in self.registries or ["shop/eureka"]]
            found = tuple(
                registry(name, place, self.injection, **self.security) for place, name in named
            )
            fields["registries"] = found
        return config(**fields)

    def given(self) -> Object:
        """The pod that the decision is about."""
        if self.first is None:
            return self.pod
        return self.after(decide(self.pod, self.namespace, config(**self.first)))

    def after(self, decision: Decision) -> Object:
        """The pod once it was injected and what came then has happened."""
        assert isinstance(decision, Inject)
        found = apply_decision(self.pod, decision)
        spec = dict(found["spec"])
        for field, items in self.between.items():
            spec[field] = [*items, *spec.get(field, [])]
        metadata = dict(found["metadata"])
        if self.copied:
            metadata = {"name": "copy", "annotations": metadata["annotations"]}
        return {**found, "metadata": metadata, "spec": spec}


def shapes() -> dict[str, Shape]:
    """All of them by the names of their files."""
    return {file.stem: shape(file.stem) for file in sorted(FOLDER.glob("*.yaml"))}


def shape(name: str) -> Shape:
    """One of them."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), Shape)
