"""An `EurekaRegistration` (`eurekube.io/v1alpha1`), read from its document.

Fields, bounds and defaults are those of `crds/eurekaregistration.yaml`, which also says what each
of them means; the rules between fields are its CEL rules, with their sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, inspect

from eureka_operator.api.check import UNIQUE, Problem, object_problems, without_nulls
from eureka_operator.api.selectors import Selector, selector_problems
from eureka_operator.api.spec import ObjectName

__all__ = [
    "API_VERSION",
    "KIND",
    "InvalidRegistration",
    "Problem",
    "Registration",
    "Spec",
    "read",
    "read_served",
]

API_VERSION: Final = "eurekube.io/v1alpha1"
KIND: Final = "EurekaRegistration"
RESERVED: Final = (
    "registration",
    "registration-uid",
    "namespace",
    "cluster-uid",
    "pod-name",
    "pod-uid",
)
"""Names of metadata that the operator writes, or that say of an instance which pod it is."""

ONE_SOURCE: Final = "set exactly one of service, selector and endpoints"
APP_OF_MANY: Final = "app cannot be fixed when selector may match several Services: use appFrom"
ONE_APP: Final = "set app or appFrom, not both"
OF_SERVICES: Final = (
    "appFrom, portName, securePortName, address and notReady are for Services:"
    " endpoints have none of them"
)
TWO_RENEWALS: Final = (
    "lease.durationSeconds must be at least three times lease.renewalIntervalSeconds,"
    " so that two renewals may be lost"
)
METADATA_KEYS: Final = (
    "keys are of at most 128 letters, digits, '_', '-' and '.', the first a letter or '_'"
)
METADATA_RESERVED: Final = f"{', '.join(RESERVED[:-1])} and {RESERVED[-1]} are reserved"

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")

ClusterName = Annotated[str, Meta(min_length=1, max_length=32)]
Label = Annotated[str, Meta(min_length=1, max_length=63)]
Host = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
EndpointId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")]
Port = Annotated[int, Meta(ge=1, le=65535)]
App = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
Vip = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:,-]+$")]
Path = Annotated[str, Meta(max_length=256, pattern=r"^/[^\s]*$")]
Metadata = Annotated[
    dict[str, Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f]*$")]],
    Meta(max_length=28),
]


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    """A mapping of the document."""


class ClusterRef(_Group, frozen=True):
    """`spec.clusterRef`; namespace `None`: that of the object."""

    name: ClusterName
    namespace: Label | None = None


class Endpoint(_Group, frozen=True):
    """An item of `spec.endpoints`; without `secure` clients speak no TLS."""

    id: EndpointId
    host: Host
    port: Port
    secure: bool | None = None


class Paths(_Group, frozen=True):
    """`spec.paths`; `None`: there is no such page."""

    home_page: Path | None = None
    status_page: Path | None = None
    health_check: Path | None = None


class Lease(_Group, frozen=True):
    """`spec.lease`."""

    renewal_interval_seconds: Annotated[int, Meta(ge=10, le=300)] = 30
    duration_seconds: Annotated[int, Meta(ge=60, le=3600)] = 180


class Spec(_Group, frozen=True):
    """`spec`; what is `None` was not set."""

    cluster_ref: ClusterRef
    service: Label | None = None
    selector: Selector | None = None
    endpoints: (
        Annotated[list[Endpoint], Meta(min_length=1, max_length=64, extra={UNIQUE: "id"})] | None
    ) = None
    app: App | None = None
    app_from: Literal["ServiceName", "AppLabel"] | None = None
    vip_address: Vip | None = None
    secure_vip_address: Vip | None = None
    port_name: Label | None = None
    secure_port_name: Label | None = None
    paths: Paths = Paths()
    metadata: Metadata = {}
    not_ready: Literal["OutOfService", "Down", "Deregister"] | None = None
    address: Literal["PodIP", "ServiceDNS"] | None = None
    lease: Lease = Lease()


class Registration(msgspec.Struct, frozen=True):
    """One `EurekaRegistration`; `created` and `status` are as the API server has them.

    `deleting`: it is being deleted, and stays until the finalizers of others are gone.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    deleting: bool
    spec: Spec
    status: dict[str, Any]

    @property
    def cluster_namespace(self) -> str:
        """The namespace of its EurekaCluster."""
        return self.spec.cluster_ref.namespace or self.namespace

    def __str__(self) -> str:
        """The object as people write it."""
        return f"{self.namespace}/{self.name}"


class InvalidRegistration(msgspec.Struct, frozen=True):
    """An object that cannot be read, and why; the CRD refuses it, an older CRD may not have."""

    namespace: str
    name: str
    uid: str
    generation: int
    status: dict[str, Any]
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        """The object as people write it."""
        return f"{self.namespace}/{self.name}"


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """`metadata`: its other fields are Kubernetes' own."""

    name: ObjectName
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    """The whole object."""

    metadata: dict[str, Any]
    spec: Spec
    api_version: str = API_VERSION
    kind: str = KIND
    status: dict[str, Any] = {}


_EXPECTED: Final = {"apiVersion": API_VERSION, "kind": KIND}
_METADATA: Final = inspect.type_info(_Metadata)
_DOCUMENT: Final = inspect.type_info(_Document)


def read(
    document: Mapping[str, Any], *, strict: bool = False
) -> Registration | tuple[Problem, ...]:
    """Read an object, or say everything that is wrong with it.

    With `strict`, a field that the CRD does not have is a problem; else it is ignored: the CRD may
    be newer than this operator.
    """
    node = without_nulls(document)
    found = tuple(object_problems(node, _EXPECTED, _DOCUMENT, _METADATA, strict=strict))
    if found:
        return found
    whole = msgspec.convert(node, _Document)
    metadata = msgspec.convert(whole.metadata, _Metadata)
    return tuple(_rule_violations(whole.spec)) or Registration(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        generation=metadata.generation,
        created=metadata.creation_timestamp,
        deleting=metadata.deletion_timestamp is not None,
        spec=whole.spec,
        status=whole.status,
    )


def read_served(document: Mapping[str, Any]) -> Registration | InvalidRegistration:
    """Read an object that the API server has stored."""
    found = read(document)
    if isinstance(found, Registration):
        return found
    metadata = document["metadata"]
    return InvalidRegistration(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        status=document.get("status") or {},
        problems=found,
    )


def _rule_violations(spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong between fields that are each possible."""
    sources = (spec.service, spec.selector, spec.endpoints)
    of_services = (
        spec.app_from,
        spec.port_name,
        spec.secure_port_name,
        spec.address,
        spec.not_ready,
    )
    lease = spec.lease
    rules = (
        (sum(each is not None for each in sources) != 1, ONE_SOURCE),
        (spec.selector is not None and spec.app is not None, APP_OF_MANY),
        (spec.app is not None and spec.app_from is not None, ONE_APP),
        (spec.endpoints is not None and any(of_services), OF_SERVICES),
        (lease.duration_seconds < 3 * lease.renewal_interval_seconds, TWO_RENEWALS),
    )
    yield from (Problem("spec", sentence) for is_broken, sentence in rules if is_broken)
    if spec.selector is not None:
        yield from selector_problems(spec.selector, "spec.selector")
    if not all(_KEY.fullmatch(key) for key in spec.metadata):
        yield Problem("spec.metadata", METADATA_KEYS)
    if any(key in RESERVED for key in spec.metadata):
        yield Problem("spec.metadata", METADATA_RESERVED)
