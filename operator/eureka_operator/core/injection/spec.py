"""`spec.injection` of an `EurekaCluster`: how pods get a sidecar that registers with it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, inspect

from eureka_operator.api.check import Problem, problems
from eureka_operator.api.spec import FreeForm

Image = Annotated[str, Meta(min_length=1, max_length=512)]
RenewalSeconds = Annotated[int, Meta(ge=1, le=3600)]
DurationSeconds = Annotated[int, Meta(ge=2, le=86400)]
DrainSeconds = Annotated[int, Meta(ge=0, le=3600)]
Metadata = Annotated[dict[str, Annotated[str, Meta(max_length=1024)]], Meta(max_length=16)]


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    """A mapping of the document."""


class Sidecar(_Group, frozen=True):
    """`spec.injection.sidecar`; `None`: what the injector is run with."""

    image: Image | None = None
    resources: FreeForm | None = None


class Lease(_Group, frozen=True):
    """`spec.injection.lease`; `None`: the sidecar's own, 30 s and three renewals."""

    renewal_seconds: RenewalSeconds | None = None
    duration_seconds: DurationSeconds | None = None


class Drain(_Group, frozen=True):
    """`spec.injection.drain`: how long an application goes on after its lease is removed."""

    seconds: DrainSeconds | None = None


class Injection(_Group, frozen=True):
    """`spec.injection`.

    Without `namespace_selector` it is the cluster's own namespace. `default`: pods there get a
    sidecar without a label; else only pods and namespaces with one do.
    """

    namespace_selector: FreeForm | None = None
    default: bool = True
    sidecar: Sidecar = Sidecar()
    lease: Lease = Lease()
    drain: Drain = Drain()
    metadata: Metadata = {}


_INJECTION: Final = inspect.type_info(Injection)


def read(node: object) -> Injection | tuple[Problem, ...] | None:
    """Read `spec.injection`, without nulls in it; `None`: there is none. Or all that is wrong."""
    if node is None:
        return None
    found = tuple(problems(node, _INJECTION, "spec.injection"))
    return found or msgspec.convert(node, Injection)
