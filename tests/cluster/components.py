"""The command lines and configuration files of Kubernetes' parts, as data. Pure.

Flags that are not obvious have their reason in `docs/test-cluster.md#traps`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from . import audit
from . import plan as plans
from .plan import CONTROL, HOME_IN_PLACE, Node, Plan

PKI: Final = f"{HOME_IN_PLACE}/pki"
PAUSE_IMAGE: Final = "localhost/pause:1"
CONTAINERD_SOCKET: Final = "/run/containerd/containerd.sock"
_AUDIT_POLICY: Final = "audit-policy.yaml"
_NEVER_ROTATED_MB: Final = "100000"
_ONE_PROGRAM: Final = f"{HOME_IN_PLACE}/kubernetes/kubernetes"


@dataclass(frozen=True)
class Component:
    """A long-running program of a place: what it is called there and how it is started."""

    place: str
    part: str
    command: tuple[str, ...]

    @property
    def label(self) -> str:
        """How its processes are marked, and how people name it: `node-1/kubelet`."""
        return f"{self.place}/{self.part}"


def components(plan: Plan) -> tuple[Component, ...]:
    """All parts of a cluster, in the order to start them."""
    nodes = (part for node in plan.nodes for part in node_components(node))
    return (*api_components(), *api_clients(plan), *nodes)


def api_components() -> tuple[Component, ...]:
    """The API server and what it needs."""
    return (_etcd(), _apiserver())


def api_clients(plan: Plan) -> tuple[Component, ...]:
    """What needs the API; without nodes nobody schedules, and nobody resolves names."""
    nodes = (_scheduler(), _coredns()) if plan.nodes else ()
    return (_controller_manager(), *nodes)


def node_components(node: Node) -> tuple[Component, ...]:
    """What runs on a node."""
    return (_containerd(node), _kubelet(node), _kube_proxy(node))


def kube_router(node: Node) -> Component:
    """What enforces NetworkPolicies on a node; only `policies.enforced` starts it."""
    flags = {
        "kubeconfig": f"{HOME_IN_PLACE}/kube-router.conf",
        "hostname-override": node.name,
        "service-cluster-ip-range": plans.SERVICE_NETWORK,
    }
    words = (f"--{name}={value}" for name, value in flags.items())
    return Component(node.name, "kube-router", (f"{HOME_IN_PLACE}/kube-router", *words))


def files(plan: Plan, place: str, *, native_snapshots: bool) -> Mapping[str, str]:
    """Configuration files of a place by their path below its home.

    `native_snapshots`: containerd copies images instead of stacking them, for a work folder whose
    file system cannot be stacked upon.
    """
    if place == CONTROL:
        policy = _json(audit.POLICY)
        return {"Corefile": _corefile(), "resolv.conf": _resolv_conf(), _AUDIT_POLICY: policy}
    node = plan.node(place)
    return {
        "containerd.toml": _containerd_toml(native_snapshots=native_snapshots),
        "cni/10-pods.conflist": _cni(node),
        "kubelet.yaml": _kubelet_config(plan, node),
        "resolv.conf": "",
    }


def kubeconfig(server: str, authority: str, certificate: str, key: str) -> str:
    """A kubeconfig that names a client's key and certificate by file; JSON is YAML."""
    user = {"client-certificate": certificate, "client-key": key}
    context = {"cluster": "eurekube", "user": "eurekube"}
    cluster = {"server": server, "certificate-authority": authority}
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "eurekube", "cluster": cluster}],
            "users": [{"name": "eurekube", "user": user}],
            "contexts": [{"name": "eurekube", "context": context}],
            "current-context": "eurekube",
        }
    )


def dns_objects() -> tuple[dict[str, Any], ...]:
    """The Service of cluster DNS without a selector, and its one endpoint: CoreDNS is not a pod."""
    labels = {"k8s-app": "kube-dns"}
    kinds = (("dns", "UDP"), ("dns-tcp", "TCP"))
    ports = [{"name": name, "port": 53, "protocol": protocol} for name, protocol in kinds]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {"clusterIP": plans.DNS_SERVICE_ADDRESS, "ports": ports},
    }
    owned = {**labels, "kubernetes.io/service-name": "kube-dns"}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns-1", "namespace": "kube-system", "labels": owned},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [plans.CONTROL_ADDRESS], "conditions": {"ready": True}}],
        "ports": ports,
    }
    return service, endpoints


def _etcd() -> Component:
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return _program(
        CONTROL,
        "etcd",
        {
            "name": "etcd",
            "data-dir": "/var/lib/etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"etcd={peer}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        },
    )


def _apiserver() -> Component:
    return _program(
        CONTROL,
        "kube-apiserver",
        {
            "etcd-servers": "http://127.0.0.1:2379",
            "advertise-address": plans.CONTROL_ADDRESS,
            "secure-port": str(plans.API_PORT),
            "service-cluster-ip-range": plans.SERVICE_NETWORK,
            "tls-cert-file": f"{PKI}/apiserver.crt",
            "tls-private-key-file": f"{PKI}/apiserver.key",
            "client-ca-file": f"{PKI}/ca.crt",
            "kubelet-client-certificate": f"{PKI}/apiserver.crt",
            "kubelet-client-key": f"{PKI}/apiserver.key",
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": f"https://kubernetes.default.svc.{plans.DOMAIN}",
            "service-account-key-file": f"{PKI}/accounts.pub",
            "service-account-signing-key-file": f"{PKI}/accounts.key",
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            "enable-aggregator-routing": "true",
            **_audited(),
            **_front_proxy(),
        },
    )


def _audited() -> Mapping[str, str]:
    return {
        "audit-policy-file": f"{HOME_IN_PLACE}/{_AUDIT_POLICY}",
        "audit-log-path": f"/var/log/{audit.LOG}.log",
        "audit-log-maxsize": _NEVER_ROTATED_MB,
    }


def _front_proxy() -> Mapping[str, str]:
    return {
        "requestheader-client-ca-file": f"{PKI}/ca.crt",
        "requestheader-allowed-names": "front-proxy",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": f"{PKI}/front-proxy.crt",
        "proxy-client-key-file": f"{PKI}/front-proxy.key",
    }


def _controller_manager() -> Component:
    return _program(
        CONTROL,
        "kube-controller-manager",
        {
            "kubeconfig": f"{HOME_IN_PLACE}/controller-manager.conf",
            "leader-elect": "false",
            "root-ca-file": f"{PKI}/ca.crt",
            "service-account-private-key-file": f"{PKI}/accounts.key",
            "cluster-signing-cert-file": f"{PKI}/ca.crt",
            "cluster-signing-key-file": f"{PKI}/ca.key",
            "use-service-account-credentials": "true",
            "node-monitor-grace-period": "20s",
        },
    )


def _scheduler() -> Component:
    flags = {"kubeconfig": f"{HOME_IN_PLACE}/scheduler.conf", "leader-elect": "false"}
    return _program(CONTROL, "kube-scheduler", flags)


def _coredns() -> Component:
    command = (f"{HOME_IN_PLACE}/coredns/coredns", "-conf", f"{HOME_IN_PLACE}/Corefile")
    return Component(CONTROL, "coredns", command)


def _containerd(node: Node) -> Component:
    command = ("/usr/bin/containerd", "--config", f"{HOME_IN_PLACE}/containerd.toml")
    return Component(node.name, "containerd", command)


def _kubelet(node: Node) -> Component:
    return _program(
        node.name,
        "kubelet",
        {
            "config": f"{HOME_IN_PLACE}/kubelet.yaml",
            "kubeconfig": f"{HOME_IN_PLACE}/kubelet.conf",
            "hostname-override": node.name,
            "node-ip": node.address,
            "node-labels": f"topology.kubernetes.io/zone={node.zone}",
        },
    )


def _kube_proxy(node: Node) -> Component:
    return _program(
        node.name,
        "kube-proxy",
        {
            "kubeconfig": f"{HOME_IN_PLACE}/kube-proxy.conf",
            "hostname-override": node.name,
            "cluster-cidr": plans.POD_NETWORK,
            "proxy-mode": "iptables",
            "iptables-min-sync-period": "100ms",
            "conntrack-max-per-core": "0",
            "conntrack-tcp-timeout-established": "0",
            "conntrack-tcp-timeout-close-wait": "0",
        },
    )


def _program(place: str, part: str, flags: Mapping[str, str]) -> Component:
    words = (f"--{name}={value}" for name, value in flags.items())
    return Component(place, part, (_ONE_PROGRAM, part, *words))


def _corefile() -> str:
    return _lines(
        [
            ".:53 {",
            f"  bind {plans.CONTROL_ADDRESS}",
            "  errors",
            "  ready 127.0.0.1:8181",
            f"  kubernetes {plans.DOMAIN} in-addr.arpa ip6.arpa {{",
            f"    kubeconfig {HOME_IN_PLACE}/coredns.conf",
            "    pods insecure",
            "    ttl 5",
            "  }",
            "  loop",
            "}",
        ]
    )


def _resolv_conf() -> str:
    return _lines(
        [
            f"nameserver {plans.CONTROL_ADDRESS}",
            f"search default.svc.{plans.DOMAIN} svc.{plans.DOMAIN} {plans.DOMAIN}",
            "options ndots:5",
        ]
    )


def _containerd_toml(*, native_snapshots: bool) -> str:
    snapshots = "native" if native_snapshots else "overlayfs"
    return _lines(
        [
            "version = 2",
            'disabled_plugins = ["io.containerd.internal.v1.opt"]',
            "[grpc]",
            f'address = "{CONTAINERD_SOCKET}"',
            '[plugins."io.containerd.grpc.v1.cri"]',
            f'sandbox_image = "{PAUSE_IMAGE}"',
            "restrict_oom_score_adj = true",
            "netns_mounts_under_state_dir = true",
            "disable_apparmor = true",
            '[plugins."io.containerd.grpc.v1.cri".containerd]',
            f'snapshotter = "{snapshots}"',
            '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
            'runtime_type = "io.containerd.runc.v2"',
            '[plugins."io.containerd.grpc.v1.cri".cni]',
            'bin_dir = "/usr/lib/cni"',
            f'conf_dir = "{HOME_IN_PLACE}/cni"',
        ]
    )


def _cni(node: Node) -> str:
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ipam,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _json({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]})


def _kubelet_config(plan: Plan, node: Node) -> str:
    config: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": plan.cgroup(node.name),
        "clusterDNS": [plans.DNS_SERVICE_ADDRESS],
        "clusterDomain": plans.DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "failSwapOn": False,
        "resolvConf": f"{HOME_IN_PLACE}/resolv.conf",
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%"},
        "protectKernelDefaults": False,
        "nodeStatusUpdateFrequency": "2s",
        "syncFrequency": "1m",
    }
    if plan.kubernetes.fails_on_cgroup_v1:
        config["failCgroupV1"] = False
    return _json(config)


def _json(document: object) -> str:
    return json.dumps(document, indent=1) + "\n"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
