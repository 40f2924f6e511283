"""Why a pod is injected, skipped or refused: each reason with its code, its sentence and its cure.

Codes are the same in the pod's annotation, metrics, events and on the command line, and never
change.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Outcome = Literal["noted", "skipped", "refused", "refused if the pod asked, else skipped"]

_NOTED: Final = "noted"
_SKIPPED: Final = "skipped"
_REFUSED: Final = "refused"
_EITHER: Final = "refused if the pod asked, else skipped"


class Reason(msgspec.Struct, frozen=True):
    """A row of the table.

    `outcome` is what happens to the pod: a noted one is injected anyway. A pod asks by its own
    label; the label of its namespace must not keep it from starting. `cure` is empty if there is
    nothing to do.
    """

    code: str
    outcome: Outcome
    sentence: str
    cure: str


class Finding(msgspec.Struct, frozen=True):
    """A reason with what was found in this pod; `own`: the pod asks for something impossible."""

    reason: Reason
    detail: str = ""
    own: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether the pod is refused even if it did not ask."""
        return self.own or self.reason.outcome == _REFUSED

    @property
    def message(self) -> str:
        """The whole of it in one line."""
        message = f"{self.reason.sentence}: {self.detail}" if self.detail else self.reason.sentence
        return f"{message}. {self.reason.cure}" if self.reason.cure else f"{message}."


# Not chosen

NOT_SELECTED: Final = Reason(
    "not_selected",
    _SKIPPED,
    "neither the pod nor its namespace asks for a sidecar",
    "Set the label eurekube.io/inject=enabled on the namespace, or on the pod template.",
)
DISABLED_BY_POD: Final = Reason(
    "disabled_by_pod",
    _SKIPPED,
    "the pod's label eurekube.io/inject is disabled",
    "Remove the label, or set it to enabled.",
)
DISABLED_BY_NAMESPACE: Final = Reason(
    "disabled_by_namespace",
    _SKIPPED,
    "the namespace's label eurekube.io/inject is disabled",
    "Set the label to enabled on the namespace, or on the pod template.",
)
BAD_LABEL: Final = Reason(
    "bad_label",
    _SKIPPED,
    "the label eurekube.io/inject is neither enabled nor disabled",
    "Set it to enabled or disabled.",
)
EXCLUDED_NAMESPACE: Final = Reason(
    "excluded_namespace",
    _SKIPPED,
    "pods of the namespaces of Kubernetes and of the injector never get a sidecar",
    "Run the application in another namespace.",
)
OWN_COMPONENT: Final = Reason(
    "own_component", _SKIPPED, "the pod is a part of Eurekube: a peer, operator or injector", ""
)
MIRROR_POD: Final = Reason(
    "mirror_pod",
    _SKIPPED,
    "the pod is a static pod, which the kubelet makes from a file on its node",
    "Run the application as a DaemonSet, or write the sidecar into the file.",
)
MALFORMED_POD: Final = Reason(
    "malformed_pod",
    _SKIPPED,
    "the object cannot be read as a pod",
    "Correct it: kubectl apply --dry-run=server says what the API server does not take.",
)
OLD_KUBERNETES: Final = Reason(
    "old_kubernetes",
    _SKIPPED,
    "the injector needs Kubernetes 1.33 or newer, whose nodes all have native sidecars and the"
    " preStop sleep",
    "Upgrade the cluster, or write the sidecar into the pod by hand (docs/sidecar.md).",
)
JOB_DEFAULT_OFF: Final = Reason(
    "job_default_off",
    _SKIPPED,
    "the pod belongs to a job, and jobs are left out unless they ask themselves",
    "If clients call it, set the label eurekube.io/inject=enabled on its pod template.",
)
EMBEDDED_CLIENT: Final = Reason(
    "embedded_client",
    _SKIPPED,
    "the application registers itself (annotation eurekube.io/client: embedded)",
    "Remove the annotation if it has no Eureka client.",
)
WINDOWS_OS: Final = Reason(
    "windows_os",
    _SKIPPED,
    "the pod runs on Windows, and the sidecar runs on Linux only",
    "Register its Service by an EurekaRegistration instead.",
)
SIDECAR_PRESENT: Final = Reason(
    "sidecar_present",
    _SKIPPED,
    "the pod has a container eureka-sidecar that the injector did not make",
    "If it was written by hand, nothing is to be done; to have it injected, remove it.",
)
DEBUG_COPY: Final = Reason(
    "debug_copy",
    _SKIPPED,
    "the pod is a copy of an injected one without its labels (kubectl debug --copy-to), which"
    " clients must not call",
    "If they may, set the label eurekube.io/inject=enabled on it.",
)

# Cannot be served

HOST_NETWORK: Final = Reason(
    "host_network",
    _EITHER,
    "the pod uses the network of its node (hostNetwork), where sidecars of several pods would"
    " collide",
    "Remove hostNetwork, or register its Service by an EurekaRegistration instead.",
)
NO_APP_CONTAINER: Final = Reason(
    "no_app_container",
    _EITHER,
    "the pod has no container but those of service meshes and their like",
    "Add that of the application to spec.containers.",
)
NO_PORT: Final = Reason(
    "no_port",
    _EITHER,
    "no container declares a port, so none can be registered",
    "Set the annotation eurekube.io/port, or declare the containerPort.",
)
UDP_PORT: Final = Reason(
    "udp_port",
    _EITHER,
    "the containers declare no TCP port, and clients of Eureka call nothing else",
    "Set the annotation eurekube.io/port to a TCP port.",
)
AMBIGUOUS_PORT: Final = Reason(
    "ambiguous_port",
    _EITHER,
    "several ports could be the one to register",
    "Set the annotation eurekube.io/port to the number or name of one.",
)
APP_NOT_ALLOWED: Final = Reason(
    "app_not_allowed",
    _EITHER,
    "the application needs a name of 1 to 63 letters, digits and . _ -",
    "Set the annotation eurekube.io/app to another one.",
)
NO_REGISTRY: Final = Reason(
    "no_registry",
    _EITHER,
    "there is no registry for this namespace",
    "Create an EurekaCluster in it, or set the annotation eurekube.io/registry to NAMESPACE/NAME of"
    " another one: kubectl get ekc -A lists them.",
)
AMBIGUOUS_REGISTRY: Final = Reason(
    "ambiguous_registry",
    _EITHER,
    "several registries could be the one of this namespace",
    "Set the annotation eurekube.io/registry to one of them.",
)
UNKNOWN_REGISTRY: Final = Reason(
    "unknown_registry",
    _REFUSED,
    "the annotation eurekube.io/registry names an EurekaCluster that does not exist",
    "kubectl get ekc -A lists them; write NAME or NAMESPACE/NAME.",
)
URLS_NOT_ALLOWED: Final = Reason(
    "urls_not_allowed",
    _REFUSED,
    "the annotation eurekube.io/registry is a URL, which this installation does not allow"
    " (injector.allowURLs=false)",
    "Name an EurekaCluster: NAME or NAMESPACE/NAME.",
)
CREDENTIALS_IN_ANNOTATION: Final = Reason(
    "credentials_in_annotation",
    _REFUSED,
    "an annotation has '@' in a URL, and everybody who sees the pod would see user and password",
    "Write the URL without user and password.",
)
BAD_ANNOTATION: Final = Reason(
    "bad_annotation",
    _REFUSED,
    "an annotation has a value that it cannot have",
    "Correct or remove it.",
)
NAME_TAKEN: Final = Reason(
    "name_taken",
    _EITHER,
    "the pod has a volume with the name of the sidecar's",
    "Give the pod's volume another name.",
)
POD_BUDGET: Final = Reason(
    "pod_budget",
    _EITHER,
    "the pod's own resources (spec.resources) leave no room for the sidecar's",
    "Raise them by what the sidecar requests: cpu 1m and memory 16Mi, if nothing else is set.",
)
CONFIGURATION_REFUSED: Final = Reason(
    "configuration_refused",
    _EITHER,
    "the sidecar would not start with what it gets from this pod",
    "Correct what is named here in the pod, or in spec.injection of the EurekaCluster.",
)

# Injected, and worth knowing

NO_CREDENTIALS: Final = Reason(
    "no_credentials",
    _NOTED,
    "the registry admits clients by a password or token of its Secret (spec.auth.type Basic or"
    " Bearer), which no injected sidecar has, so it refuses to register this pod",
    "Set spec.auth.type of the EurekaCluster to ServiceAccount, or write the sidecar into the pod"
    " by hand (docs/sidecar.md).",
)
HEALTH_EXEC_UNSUPPORTED: Final = Reason(
    "health_exec_unsupported",
    _NOTED,
    "the readiness probe is a command, which cannot be run from another container: the application"
    " counts as ready while its port accepts connections",
    "Use httpGet, tcpSocket or grpc, or set the annotation eurekube.io/check.",
)
HEALTH_DOWNGRADED: Final = Reason(
    "health_downgraded",
    _NOTED,
    "the readiness probe cannot be repeated: the application counts as ready while its port accepts"
    " connections",
    "Correct the probe, or set the annotation eurekube.io/check.",
)
PROBE_PORT_DIFFERS: Final = Reason(
    "probe_port_differs",
    _NOTED,
    "the port of the readiness probe is registered, though another one has the name of a service",
    "If that one is meant, set the annotation eurekube.io/port.",
)
APP_HOOK_KEPT: Final = Reason(
    "app_hook_kept",
    _NOTED,
    "a container has a preStop hook of its own, which stays as it is; it must keep the application"
    " serving until clients have forgotten it",
    "If it is too short, add sleep to it.",
)
DRAIN_CUT: Final = Reason(
    "drain_cut",
    _NOTED,
    "the grace period is too short for the drain, so clients may call the pod after its end",
    "Raise terminationGracePeriodSeconds to 10 s more than the drain, or lower the annotation"
    " eurekube.io/drain-seconds.",
)
HOOKS_LEFT_OUT: Final = Reason(
    "hooks_left_out",
    _NOTED,
    "the pod has too many containers to note all that would get a preStop hook, so the last ones"
    " got none",
    "Write their hooks into the pod template: lifecycle.preStop.sleep.",
)
UNKNOWN_ANNOTATION: Final = Reason(
    "unknown_annotation",
    _NOTED,
    "an annotation eurekube.io/... is not known, and has no effect",
    "Correct or remove it.",
)
INJECTION_KEPT: Final = Reason(
    "injection_kept",
    _NOTED,
    "the pod keeps the sidecar that it has, though as it is now it would get none",
    "",
)

REASONS: Final = {
    each.code: each
    for each in (
        NOT_SELECTED, DISABLED_BY_POD, DISABLED_BY_NAMESPACE, BAD_LABEL, EXCLUDED_NAMESPACE,
        OWN_COMPONENT, MIRROR_POD, MALFORMED_POD, OLD_KUBERNETES, JOB_DEFAULT_OFF, EMBEDDED_CLIENT,
        WINDOWS_OS, SIDECAR_PRESENT, DEBUG_COPY, HOST_NETWORK, NO_APP_CONTAINER, NO_PORT, UDP_PORT,
        AMBIGUOUS_PORT, APP_NOT_ALLOWED, NO_REGISTRY, AMBIGUOUS_REGISTRY, UNKNOWN_REGISTRY,
        URLS_NOT_ALLOWED, CREDENTIALS_IN_ANNOTATION, BAD_ANNOTATION, NAME_TAKEN, POD_BUDGET,
        CONFIGURATION_REFUSED, NO_CREDENTIALS, HEALTH_EXEC_UNSUPPORTED, HEALTH_DOWNGRADED,
        PROBE_PORT_DIFFERS,
        APP_HOOK_KEPT, DRAIN_CUT, HOOKS_LEFT_OUT, UNKNOWN_ANNOTATION, INJECTION_KEPT,
    )
}  # fmt: skip
"""All of them by code."""
