"""Reads namespaces, registries, the injector and pods from the API server.

Most people may read little beside their namespace. What they may not read is said in a sentence and
done without, unless nothing can be decided then.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec
from yarl import URL

from eureka_operator import __version__
from eureka_operator.core.injection import pods
from eureka_operator.core.injection.config import (
    OLDEST_API_SERVER,
    Config,
    RegistryTarget,
    read_registry,
)
from eureka_operator.core.instances import Instance, NoInstancesError, read_list
from eureka_operator.core.kinds import CLUSTER, NAMESPACE, SERVICE, Kind, Object
from eureka_operator.shell import options as injector
from eureka_operator.shell.client import (
    ApiError,
    Client,
    RefusedError,
    configuration,
    path_of,
)
from eureka_operator.shell.kube import Kube
from eureka_sidecar.core.document import quote
from kubectl_eureka.core.surroundings import Surroundings
from kubectl_eureka.shell.errors import NoAnswerError
from kubectl_eureka.shell.options import Look

_DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
_INJECTOR: Final = "app.kubernetes.io/name=eurekube,app.kubernetes.io/component=injector"
"""Labels that the chart gives it."""
_OPERATOR: Final = "app.kubernetes.io/name=eurekube,app.kubernetes.io/component=operator"
_VERSION: Final = "app.kubernetes.io/version"
_OTHERWISE: Final = "--kubeconfig and --context choose another one, -f with --offline none"
_FORBIDDEN: Final = 403
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_WANTS_CREDENTIALS: Final = (
    "it lets only authenticated clients read, and the API server does not forward credentials: see"
    " spec.auth.readOnlyAnonymous"
)
_DIGITS: Final = re.compile(r"\d+")


class Operator(NamedTuple):
    """The namespace of the installed operator, and its flags; empty: not known."""

    namespace: str = ""
    arguments: tuple[str, ...] = ()


class _Injector(NamedTuple):
    """The flags of the installed injector; `None`: not known."""

    options: injector.InjectorOptions | None
    notes: tuple[str, ...] = ()


@asynccontextmanager
async def connection(look: Look, *, may_write: bool = False) -> AsyncIterator[Client]:
    """A client of the API server while the block runs; it writes only if `may_write`.

    Raises:
        NoAnswerError: There is no API server, or it does not answer, or refuses.
    """
    if look.kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise NoAnswerError(
            "there is no kubeconfig: neither $KUBECONFIG nor ~/.kube/config names one;"
            f" {_OTHERWISE}"
        )
    try:
        api_configuration = await configuration(look.kubeconfig, look.context)
        async with Client(api_configuration, may_write=lambda: may_write) as client:
            yield client
    except ApiError as error:
        raise NoAnswerError(_with_cure(error)) from error


async def read_surroundings(look: Look, names: Iterable[str]) -> Surroundings:
    """What in the cluster matters for pods of these namespaces.

    Raises:
        NoAnswerError: It cannot be asked, or a namespace must not be read.
    """
    async with connection(look) as client:
        return await surroundings_of(client, look, names)


async def surroundings_of(client: Client, look: Look, names: Iterable[str]) -> Surroundings:
    """What in the cluster matters for pods of these namespaces.

    Raises:
        ApiError: It cannot be asked, or a namespace must not be read.
    """
    kube = Kube(client)
    namespaces = {}
    for name in sorted(set(names)):
        found = await kube.get(NAMESPACE, "", name)
        if found is not None:
            namespaces[name] = found
    uid, about_uid = await _cluster_uid(kube)
    documents, about_clusters = await _clusters(kube, sorted(set(names)))
    installed = await _injector(kube)
    options = installed.options or injector.InjectorOptions(namespace="")
    domain = look.cluster_domain or options.cluster_domain
    read = [read_registry(each, domain) for each in documents]
    config = Config(
        image=look.sidecar_image or options.sidecar_image,
        version=__version__,
        registries=tuple(each for each in read if isinstance(each, RegistryTarget)),
        allow_urls=options.allow_urls,
        own_namespace=options.namespace,
        cluster_uid=uid,
        api_server=_version_of(await client.send("get", "/version")),
    )
    return Surroundings(
        config=config,
        domain=domain,
        namespaces=namespaces,
        statuses={_full_name(each): each.get("status") or {} for each in documents},
        notes=(*about_uid, *about_clusters, *installed.notes),
    )


async def instances_of_pod(
    client: Client, registry: RegistryTarget, app: str, pod_uid: str
) -> tuple[Instance, ...]:
    """The instances of a pod at a registry, read through the API server's proxy.

    Raises:
        ApiError: It cannot be asked.
        NoInstancesError: What answers is not a registry.
    """
    url = URL(registry.urls[-1])
    scheme = "https:" if url.scheme == "https" else ""
    service = path_of(SERVICE, registry.namespace, f"{scheme}{registry.name}:{url.port}", "proxy")
    try:
        found = await client.send("get", f"{service}/eureka/apps/{quote(app.upper())}")
    except ApiError as error:
        if error.status == _NOT_FOUND and error.reason != "NotFound":
            return ()
        if error.status == _UNAUTHORIZED and not error.reason:
            # The API server, which tells a reason, shows a registry none of our credentials.
            raise NoInstancesError(_WANTS_CREDENTIALS) from error
        raise
    if not isinstance(found, dict):
        raise NoInstancesError("no application")
    listed = {"applications": {"application": [found.get("application")]}}
    return tuple(each for each in read_list(msgspec.json.encode(listed)) if each.pod_uid == pod_uid)


async def installed_operator(client: Client) -> Operator:
    """The flags of the installed operator; an empty `Operator` if it cannot be seen.

    Raises:
        ApiError: The API server cannot be asked.
    """
    found = await installed_operators(client)
    return found[0] if found else Operator()


async def installed_operators(client: Client) -> list[Operator] | None:
    """The flags of each installed operator; `None`: they must not be seen.

    Raises:
        ApiError: The API server cannot be asked.
    """
    try:
        found = await Kube(client).list(_DEPLOYMENT, None, _OPERATOR)
    except RefusedError as error:
        if error.status != _FORBIDDEN:
            raise
        return None
    return [_read_operator(each) for each in found]


def operator_options(installed: Operator) -> injector.Options:
    """The operator's options by its flags; those of the program itself if it is not known.

    Raises:
        NoAnswerError: They cannot be read.
    """
    return injector.read(operator_flags(installed), {"POD_NAMESPACE": installed.namespace})


def operator_flags(installed: Operator) -> argparse.Namespace:
    """Its flags, parsed.

    Raises:
        NoAnswerError: They cannot be.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    injector.add_flags(parser)
    try:
        found, _ = parser.parse_known_args(installed.arguments)
    except argparse.ArgumentError as error:
        message = f"the flags of the installed operator cannot be read: {error}"
        raise NoAnswerError(message) from error
    return found


def _read_operator(deployment: Object) -> Operator:
    containers = pods.items(deployment["spec"]["template"], "containers")
    arguments = tuple(str(each) for each in (containers[0].get("args") or [])[1:])
    return Operator(str(deployment["metadata"]["namespace"]), arguments)


async def _cluster_uid(kube: Kube) -> tuple[str, tuple[str, ...]]:
    """The uid by which the operator knows leases of this Kubernetes."""
    try:
        found = await kube.get(NAMESPACE, "", "kube-system")
    except RefusedError as error:
        if error.status != _FORBIDDEN:
            raise
        note = f"registrations do not get this cluster's uid: {error}"
        return "", (note,)
    return str((found or {}).get("metadata", {}).get("uid", "")), ()


async def _clusters(kube: Kube, names: list[str]) -> tuple[list[Object], tuple[str, ...]]:
    """All EurekaClusters, or those of some namespaces if not all may be read."""
    try:
        return await kube.list(CLUSTER, None), ()
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            return [], ("the cluster has no EurekaClusters: Eurekube is not installed",)
        if error.status != _FORBIDDEN:
            raise
        note = f"EurekaClusters of other namespaces are not known: {error}"
    found: list[Object] = []
    for name in names:
        found += await kube.list(CLUSTER, name)
    return found, (note,)


async def _injector(kube: Kube) -> _Injector:
    """The injector's flags, as its Deployment has them."""
    try:
        found = await kube.list(_DEPLOYMENT, None, _INJECTOR)
    except RefusedError as error:
        if error.status != _FORBIDDEN:
            raise
        note = (
            f"the injector's flags are not known: {error}; --sidecar-image and --cluster-domain"
            " stand in for them"
        )
        return _Injector(None, (note,))
    if not found:
        note = "no injector is installed: pods get no sidecar but by kubectl eureka inject"
        return _Injector(None, (note,))
    return _read_injector(found[0])


def _read_injector(deployment: Object) -> _Injector:
    metadata = deployment["metadata"]
    where = f"Deployment {metadata['namespace']}/{metadata['name']}"
    containers = pods.items(deployment["spec"]["template"], "containers")
    arguments = [str(each) for each in (containers[0].get("args") or [])[1:]]
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    injector.add_injector_flags(parser)
    try:
        flags, _ = parser.parse_known_args(arguments)
        options = injector.read_injector(flags, {"POD_NAMESPACE": metadata["namespace"]})
    except (argparse.ArgumentError, injector.OptionsError) as error:
        return _Injector(None, (f"the flags of {where} cannot be read: {error}",))
    version = pods.labels_of(deployment).get(_VERSION, __version__)
    if version == __version__:
        return _Injector(options)
    note = (
        f"{where} is of Eurekube {version}, and this program of {__version__}: it may decide"
        " otherwise, and replaces what this one injects"
    )
    return _Injector(options, (note,))


def _with_cure(error: ApiError) -> str:
    """An error of the API server with what can be done about it."""
    if error.status == _FORBIDDEN:
        return f"{error}; ask an administrator for this right, or use -f with --offline"
    return str(error) if error.status else f"{error}; {_OTHERWISE}"


def _full_name(document: Object) -> str:
    metadata = document["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def _version_of(document: Object) -> tuple[int, int]:
    """The version that `/version` tells; its minor one is `34+` on some clouds."""
    numbers = [_DIGITS.match(str(document.get(key, ""))) for key in ("major", "minor")]
    major, minor = (int(each[0]) if each else 0 for each in numbers)
    return (major, minor) if major else OLDEST_API_SERVER
