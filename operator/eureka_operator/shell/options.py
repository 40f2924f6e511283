"""The options of the operator: flags, and two variables that describe its own pod."""

from __future__ import annotations

import argparse
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eureka_operator import __version__

_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HIGHEST_PORT: Final = 65_535
_LEVELS: Final = ("debug", "info", "warning", "error")


class OptionsError(ValueError):
    """A flag or variable that cannot be used; the text names it and what may stand there."""


@dataclass(frozen=True)
class LeaseTimes:
    """The Lease of the replicas: its name, and client-go's three times in seconds.

    A standby waits `duration_s` for a silent leader. A leader that could not renew for
    `renew_deadline_s` stops. It renews every `retry_period_s`.
    """

    name: str = "eurekube-operator"
    duration_s: int = 15
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0


@dataclass(frozen=True)
class Options:
    """All options of `run`.

    `namespaces` empty: all of them. `identity` is new for each process, so that one that was
    started again is not taken for its predecessor. `injector` is the name of the injector's Service
    and webhook, `None`: there is none; `certificates`: its certificates are kept by the operator.
    `allow_urls` is as the injector has it, `evict_missed`: pods that missed their sidecar are
    evicted. `kubeconfig` `None`: the pod's service account, else `~/.kube/config`.
    """

    namespace: str
    identity: str
    pod: str
    lease: LeaseTimes = LeaseTimes()
    registry_image: str = f"eurekube/registry:{__version__}"
    namespaces: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    workers: int = 4
    resync_s: float = 60.0
    injector: str | None = None
    certificates: bool = False
    allow_urls: bool = True
    evict_missed: bool = False
    host: str | None = None
    port: int = 8080
    log_level: str = "info"
    log_format: str = "text"
    kubeconfig: Path | None = None


@dataclass(frozen=True)
class InjectorOptions:
    """All options of `injector`.

    `name` is that of its Service and of its MutatingWebhookConfiguration, `secret` that of the
    Secret with its certificate.
    """

    namespace: str
    name: str = "eurekube-injector"
    secret: str = "eurekube-injector-tls"  # noqa: S105 - its name
    sidecar_image: str = f"eurekube/sidecar:{__version__}"
    allow_urls: bool = True
    cluster_domain: str = "cluster.local"
    host: str | None = None
    port: int = 9443
    health_port: int = 8080
    log_level: str = "info"
    log_format: str = "text"
    kubeconfig: Path | None = None


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `run`."""
    flag = parser.add_argument
    flag("--registry-image", default=Options.registry_image, metavar="IMAGE", help="image of peers")
    flag(
        "--namespaces",
        default="",
        metavar="A,B",
        help="reconcile EurekaClusters in these namespaces only (default: in all)",
    )
    flag("--cluster-domain", default=Options.cluster_domain, metavar="DOMAIN")
    flag("--lease-duration", type=int, default=LeaseTimes.duration_s, metavar="S")
    flag("--renew-deadline", type=float, default=LeaseTimes.renew_deadline_s, metavar="S")
    flag("--retry-period", type=float, default=LeaseTimes.retry_period_s, metavar="S")
    flag("--workers", type=int, default=Options.workers, metavar="N", help="clusters at a time")
    flag("--injector", metavar="NAME", help="of its Service and webhook (default: there is none)")
    flag("--injector-certificates", action="store_true", help="make and renew the injector's")
    _add_no_urls(parser)
    flag(
        "--evict-missed",
        action="store_true",
        help="evict pods that missed their sidecar, within their budgets",
    )
    flag(
        "--resync",
        type=float,
        default=Options.resync_s,
        metavar="S",
        help="interval of looking at everything",
    )
    flag("--host", default=None, help="address of health and metrics (default: all)")
    flag("--port", type=int, default=Options.port, help="their port; 0: any free one")
    flag("--log-level", choices=_LEVELS, default=Options.log_level)
    flag("--log-format", choices=("text", "json"), default=Options.log_format)
    flag("--kubeconfig", type=Path, metavar="FILE", help="for a run outside a cluster")


def add_plan_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `plan`."""
    flag = parser.add_argument
    flag("-f", "--file", required=True, metavar="FILE", help="an EurekaCluster; -: standard input")
    flag("--live", action="store_true", help="compare with the cluster of the kubeconfig")
    flag(
        "-n",
        "--namespace",
        metavar="NS",
        help="of an object that names none (default: default; with --live the kubeconfig's)",
    )
    flag(
        "-o",
        "--output",
        choices=("text", "yaml", "json"),
        default="text",
        help="text: what changes; yaml: the objects themselves; json: both, for programs",
    )


def add_injector_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `injector`."""
    flag = parser.add_argument
    flag(
        "--name",
        default=InjectorOptions.name,
        help="of its Service, and of its MutatingWebhookConfiguration",
    )
    flag("--secret", metavar="NAME", help="with tls.crt and tls.key (default: the name, and -tls)")
    flag("--sidecar-image", default=InjectorOptions.sidecar_image, metavar="IMAGE")
    _add_no_urls(parser)
    flag("--cluster-domain", default=InjectorOptions.cluster_domain, metavar="DOMAIN")
    flag("--host", default=None, help="address of both ports (default: all)")
    flag("--port", type=int, default=InjectorOptions.port, help="of HTTPS; 0: any free one")
    flag(
        "--health-port",
        type=int,
        default=InjectorOptions.health_port,
        help="of health and metrics; 0: any free one",
    )
    flag("--log-level", choices=_LEVELS, default=InjectorOptions.log_level)
    flag("--log-format", choices=("text", "json"), default=InjectorOptions.log_format)
    flag("--kubeconfig", type=Path, metavar="FILE", help="for a run outside a cluster")


def _add_no_urls(parser: argparse.ArgumentParser) -> None:
    """Declare it; the operator needs it, too, to know which pods should have a sidecar."""
    help_text = "pods may name EurekaClusters, but no registry by its URL"
    parser.add_argument("--no-urls", action="store_true", help=help_text)


def read_injector(flags: argparse.Namespace, environment: Mapping[str, str]) -> InjectorOptions:
    """The options of parsed flags and of `POD_NAMESPACE`.

    Raises:
        OptionsError: One of them cannot be used.
    """
    name = _object_name("--name", flags.name)
    return InjectorOptions(
        namespace=_own_namespace(environment),
        name=name,
        secret=_object_name("--secret", flags.secret or f"{name}-tls"),
        sidecar_image=_image("--sidecar-image", flags.sidecar_image),
        allow_urls=not flags.no_urls,
        cluster_domain=_domain(flags.cluster_domain),
        host=flags.host,
        port=_port("--port", flags.port),
        health_port=_port("--health-port", flags.health_port),
        log_level=flags.log_level,
        log_format=flags.log_format,
        kubeconfig=flags.kubeconfig,
    )


def read(flags: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The options of parsed flags, of `POD_NAME` and `POD_NAMESPACE`.

    Raises:
        OptionsError: One of them cannot be used.
    """
    pod = environment.get("POD_NAME") or socket.gethostname()
    return Options(
        namespace=_own_namespace(environment),
        identity=f"{pod}_{uuid.uuid4()}",
        pod=pod,
        lease=_lease_times(flags),
        registry_image=_image("--registry-image", flags.registry_image),
        namespaces=_namespaces(flags.namespaces),
        cluster_domain=_domain(flags.cluster_domain),
        workers=int(_at_least("--workers", flags.workers, 1)),
        resync_s=_at_least("--resync", flags.resync, 1),
        injector=_injector(flags),
        certificates=flags.injector_certificates,
        allow_urls=not flags.no_urls,
        evict_missed=flags.evict_missed,
        host=flags.host,
        port=_port("--port", flags.port),
        log_level=flags.log_level,
        log_format=flags.log_format,
        kubeconfig=flags.kubeconfig,
    )


def _own_namespace(environment: Mapping[str, str]) -> str:
    named = environment.get("POD_NAMESPACE")
    if named:
        return named
    if _NAMESPACE_FILE.is_file():
        return _NAMESPACE_FILE.read_text().strip()
    return "default"


def _lease_times(flags: argparse.Namespace) -> LeaseTimes:
    duration_s, deadline_s, retry_s = flags.lease_duration, flags.renew_deadline, flags.retry_period
    _at_least("--retry-period", retry_s, 0.1)
    if not duration_s > deadline_s > retry_s:
        raise OptionsError(
            f"--lease-duration {duration_s:g}, --renew-deadline {deadline_s:g}, --retry-period"
            f" {retry_s:g}: each must be greater than the next, or two replicas lead at once"
        )
    return LeaseTimes(duration_s=duration_s, renew_deadline_s=deadline_s, retry_period_s=retry_s)


def _image(flag: str, image: str) -> str:
    if not image or any(letter.isspace() for letter in image):
        such = f"eurekube/{flag.removeprefix('--').removesuffix('-image')}:{__version__}"
        raise OptionsError(f"{flag} '{image}': not an image; such as {such}")
    return image


def _injector(flags: argparse.Namespace) -> str | None:
    if flags.injector is not None:
        return _object_name("--injector", flags.injector)
    for flag, given in (
        ("--injector-certificates", flags.injector_certificates),
        ("--evict-missed", flags.evict_missed),
    ):
        if given:
            raise OptionsError(f"{flag}: needs --injector NAME")
    return None


def _object_name(flag: str, name: str) -> str:
    if not _DNS_NAME.fullmatch(name):
        raise OptionsError(f"{flag} '{name}': not the name of an object; such as eurekube-injector")
    return name


def _namespaces(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if not _DNS_LABEL.fullmatch(name):
            raise OptionsError(
                f"--namespaces: '{name}' is not the name of a namespace; such as a,b"
            )
    return names


def _domain(domain: str) -> str:
    if not _DNS_NAME.fullmatch(domain):
        raise OptionsError(f"--cluster-domain '{domain}': not a DNS name; such as cluster.local")
    return domain


def _port(flag: str, port: int) -> int:
    if not 0 <= port <= _HIGHEST_PORT:
        raise OptionsError(f"{flag} {port}: not a port; allowed: 0 to {_HIGHEST_PORT}")
    return port


def _at_least(flag: str, value: float, least: float) -> float:
    if not value >= least:
        raise OptionsError(f"{flag} {value:g}: too small; allowed: {least:g} or more")
    return value
