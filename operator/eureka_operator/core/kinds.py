"""The kinds of objects that the operator reads or makes."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Object = dict[str, Any]
"""An object of Kubernetes as its JSON document."""


class Kind(NamedTuple):
    """A kind of object: what it is called in documents and in URLs."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        group, slash, _ = self.api_version.partition("/")
        return group if slash else ""

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]


CLUSTER: Final = Kind("eurekube.io/v1alpha1", "EurekaCluster", "eurekaclusters")
REGISTRATION: Final = Kind("eurekube.io/v1alpha1", "EurekaRegistration", "eurekaregistrations")
SERVICE: Final = Kind("v1", "Service", "services")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
STATEFUL_SET: Final = Kind("apps/v1", "StatefulSet", "statefulsets")
DISRUPTION_BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
SERVICE_MONITOR: Final = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors")
CERTIFICATE: Final = Kind("cert-manager.io/v1", "Certificate", "certificates")
CONTROLLER_REVISION: Final = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
POD: Final = Kind("v1", "Pod", "pods")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
EVENT: Final = Kind("v1", "Event", "events")
NODE: Final = Kind("v1", "Node", "nodes")
NAMESPACE: Final = Kind("v1", "Namespace", "namespaces")
SECRET: Final = Kind("v1", "Secret", "secrets")
CRD: Final = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"
)
WEBHOOK: Final = Kind(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
)

CHILDREN: Final = (
    SERVICE_ACCOUNT,
    SERVICE,
    CONFIG_MAP,
    STATEFUL_SET,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    SERVICE_MONITOR,
    CERTIFICATE,
)
"""The kinds of child objects, in the order in which they are made."""
