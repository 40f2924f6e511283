"""Defaults that an EurekaCluster got from its first operator, and keeps under a newer one.

An operator has defaults of its own: the image of peers, and the pod template that its release
builds. A newer operator with other ones would restart every peer of every user. So what a cluster
was made with is recorded on its StatefulSets, and kept until somebody asks for the newer: by
another `spec.version`, or by the annotation `eurekube.io/upgrade` with the operator's version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from eureka_operator.api.check import without_nulls
from eureka_operator.core import names
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.desired.statefulset import CONTAINER, image
from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.observed import Observed

_UNRECORDED_REVISION: Final = 1
"""The pod template of the operators that kept no record."""


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """The annotation `eurekube.io/adopted` of a StatefulSet.

    `image` is the operator's default one at that time, which `spec.image` and `spec.version` may
    override; `version` was `spec.version`, `None` without one; `operator` is the version of the
    operator whose defaults these are, empty if it kept no record.
    """

    image: str
    template_revision: int
    version: str | None = None
    operator: str = ""


class Adoption(msgspec.Struct, frozen=True):
    """What a cluster is built with.

    `available` says in words that this operator has newer defaults, `unknown` that it cannot build
    the recorded pod template, because a newer operator made it; each is empty if that is not so.
    """

    record: Record
    available: str = ""
    unknown: str = ""

    @property
    def image(self) -> str:
        """The default image of peers."""
        return self.record.image

    @property
    def revision(self) -> int:
        """The revision of the pod template."""
        return self.record.template_revision

    @property
    def annotations(self) -> dict[str, str]:
        """What every StatefulSet of the cluster is annotated with."""
        return {names.ADOPTED: msgspec.json.encode(self.record).decode()}

    def environment(self, environment: Environment) -> Environment:
        """What the operator is run with, but for what the cluster keeps."""
        return replace(environment, registry_image=self.image, template_revision=self.revision)

    def templates(self, new_bodies: Mapping[str, Object], observed: Observed) -> dict[str, Object]:
        """The pod templates by StatefulSet; those that cannot be built are as they run."""
        live = {name: _live_template(name, observed) for name in new_bodies} if self.unknown else {}
        return {name: live.get(name) or template for name, template in new_bodies.items()}

    def on(self, body: Object) -> Object:
        """A StatefulSet with the record."""
        metadata = body["metadata"]
        annotations = {**metadata.get("annotations", {}), **self.annotations}
        return {**body, "metadata": {**metadata, "annotations": annotations}}


def adoption(observed: Observed, environment: Environment) -> Adoption:
    """What the cluster keeps of the operator that made it, or takes over from this one now."""
    cluster = observed.cluster
    newest = Record(
        image=environment.registry_image,
        template_revision=environment.template_revision,
        version=cluster.spec.version,
        operator=environment.version,
    )
    kept = _first_record(observed, environment)
    asked = cluster.annotations.get(names.UPGRADE) == environment.version
    if kept is None or asked or kept.version != newest.version:
        return Adoption(newest)
    if kept.template_revision > newest.template_revision:
        return Adoption(kept, unknown=_unknown(observed, kept, environment))
    return Adoption(kept, available=_available(observed, kept, environment))


def _first_record(observed: Observed, environment: Environment) -> Record | None:
    """The record of the first StatefulSet that has one; `None`: there is no StatefulSet.

    If it has no record, an operator without records made it: then what runs counts as recorded.
    """
    sets = {name: body for (kind, name), body in observed.children.items() if kind is STATEFUL_SET}
    bodies = [sets[name] for name in sorted(sets)]
    found = next((record for each in bodies if (record := _record(each)) is not None), None)
    if found is not None or not bodies:
        return found
    return Record(
        image=_running_image(bodies[0], observed, environment),
        template_revision=_UNRECORDED_REVISION,
        version=observed.cluster.spec.version,
    )


def _record(body: Object) -> Record | None:
    """What a StatefulSet's annotation says; `None` without one, or if it cannot be read."""
    text = body["metadata"].get("annotations", {}).get(names.ADOPTED, "")
    try:
        return msgspec.json.decode(text, type=Record)
    except msgspec.DecodeError:
        return None


def _running_image(body: Object, observed: Observed, environment: Environment) -> str:
    """The default image that leads to the one of the live pod template."""
    containers = body["spec"].get("template", {}).get("spec", {}).get("containers", [])
    live = next((str(each["image"]) for each in containers if each["name"] == CONTAINER), "")
    same = live in ("", image(observed.cluster, environment))
    return environment.registry_image if same else live


def _available(observed: Observed, record: Record, environment: Environment) -> str:
    cluster = observed.cluster
    runs = image(cluster, replace(environment, registry_image=record.image))
    would_run = image(cluster, environment)
    now, then = [], []
    if runs != would_run:
        now.append(f"image {runs}")
        then.append(f"image {would_run}")
    if record.template_revision != environment.template_revision:
        now.append(f"pod template {record.template_revision}")
        then.append(f"pod template {environment.template_revision}")
    if not now:
        return ""
    since = f", as operator {record.operator} made them" if record.operator else ""
    return (
        f"peers have {' and '.join(now)}{since}; operator {environment.version} would give them"
        f" {' and '.join(then)}; {_request(observed, environment)}"
    )


def _unknown(observed: Observed, record: Record, environment: Environment) -> str:
    return (
        f"peers have pod template {record.template_revision}, as operator {record.operator} made"
        f" them; operator {environment.version} knows templates up to"
        f" {environment.template_revision} only, so it leaves the template as it is, and changes"
        f" of the spec that concern pods wait for a newer operator;"
        f" {_request(observed, environment)}"
    )


def _request(observed: Observed, environment: Environment) -> str:
    """How users ask for this operator's defaults."""
    cluster = observed.cluster
    annotation = f"{names.UPGRADE}={environment.version}"
    command = f"kubectl -n {cluster.namespace} annotate ekc {cluster.name} {annotation}"
    return f"to have them take these over, one after the other: {command} --overwrite"


def _live_template(name: str, observed: Observed) -> Object | None:
    """The pod template that a StatefulSet has; `None` if there is no such StatefulSet."""
    live = observed.children.get((STATEFUL_SET, name))
    template: Object | None = without_nulls(live["spec"]["template"]) if live else None
    return template
