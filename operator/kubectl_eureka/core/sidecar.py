"""The sidecar that an injected pod has, read from the pod itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.injection import pods, status
from eureka_operator.core.injection.patches import CONTAINER
from eureka_sidecar.core import check
from eureka_sidecar.core.configuration import Check

_CONFIG: Final = "EUREKA_SIDECAR_CONFIG"
_POD: Final = "the pod's address"


class RegisteredInstance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance that is registered; a port of 0: it has none. `check` is a sentence's end."""

    app: str
    port: int = 0
    secure_port: int = 0
    check: str = ""


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An injected sidecar.

    `version` is the injector's, `drain` its note about the drain: `granted 20 of 20`. `registries`
    are URLs of each. `instances` and `registries` are empty if the pod's sidecar is not configured
    by the injector. `hash` is that of all that was added.
    """

    hash: str
    image: str
    version: str
    drain: str
    instances: tuple[RegisteredInstance, ...] = ()
    registries: tuple[tuple[str, ...], ...] = ()


class _Registry(msgspec.Struct):
    urls: tuple[str, ...]


class _Configuration(msgspec.Struct):
    instances: tuple[dict[str, Any], ...]
    registries: tuple[_Registry, ...]


def sidecar_of(pod: Mapping[str, Any]) -> Sidecar | None:
    """The sidecar that the injector gave to a pod; `None`: it gave it none."""
    found = status.of(pod)
    containers = [
        each for each in pods.items(pod, "initContainers") if each.get("name") == CONTAINER
    ]
    if found is None or found.result != "injected" or not containers:
        return None
    configured = _configuration(containers[0])
    return Sidecar(
        hash=found.hash,
        image=pods.text(containers[0].get("image")),
        version=found.version,
        drain=found.drain,
        instances=tuple(_registered_instance(each) for each in configured.instances),
        registries=tuple(each.urls for each in configured.registries),
    )


def _configuration(container: Mapping[str, Any]) -> _Configuration:
    """The sidecar's configuration; the kubelet turns `$$` into `$`."""
    given = container.get("env")
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping) and each.get("name") == _CONFIG:
            try:
                document = json.loads(pods.text(each.get("value")).replace("$$", "$"))
                return msgspec.convert(document, _Configuration)
            except (ValueError, RecursionError, msgspec.ValidationError):
                break
    return _Configuration((), ())


def _registered_instance(entry: Mapping[str, Any]) -> RegisteredInstance:
    plain, secure = (
        each if pods.is_port(each) else 0 for each in (entry.get("port"), entry.get("securePort"))
    )
    return RegisteredInstance(
        app=pods.text(entry.get("app")),
        port=plain,
        secure_port=secure,
        check=_check(entry, plain or secure),
    )


def _check(entry: Mapping[str, Any], port: int) -> str:
    """The health check of the application, as a sentence's end."""
    try:
        if "check" in entry:
            return _check_text(check.from_url(str(entry["check"]), port))
        if "readinessProbe" in entry:
            return _check_text(check.from_probe(entry["readinessProbe"], port, _POD)[0])
    except (ValueError, TypeError, AttributeError):
        return "one that the sidecar does not know"
    return f"tcp://127.0.0.1:{port}, every 5 s"


def _check_text(check: Check) -> str:
    host = f"[{check.host}]" if ":" in check.host else check.host
    path = {"tcp": "", "grpc": f"/{check.service}" if check.service else ""}.get(
        check.scheme, check.path
    )
    where = f"{check.scheme}://{host}:{check.port}{path}"
    return f"{where}, every {check.period_ms / 1_000:g} s".replace(f"//{_POD}:", "//POD_IP:")
