"""Collects the files of a report: objects, events, logs, reports of peers; never Secrets."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from eureka_operator import __version__
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.status import INJECTED_LABEL
from eureka_operator.core.kinds import (
    CLUSTER,
    CONFIG_MAP,
    DISRUPTION_BUDGET,
    EVENT,
    NETWORK_POLICY,
    POD,
    REGISTRATION,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Object,
)
from eureka_operator.core.names import CLUSTER_LABEL, MANAGEMENT_PORT
from eureka_operator.shell.client import ApiError, Client, path_of
from eureka_operator.shell.kube import Kube
from eureka_registry.verbs.server import JSON, NoAnswerError
from kubectl_eureka.core.redaction import Redaction
from kubectl_eureka.shell import registry, statuses
from kubectl_eureka.shell.errors import UsageError
from kubectl_eureka.shell.registry import Target

_DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
_CHILDREN: Final = (
    STATEFUL_SET,
    SERVICE,
    CONFIG_MAP,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    POD,
)
_OWN: Final = "app.kubernetes.io/name=eurekube"
"""What the chart puts on the operator and the injector."""
_LOG_LINES: Final = 2_000
_LOG_BYTES: Final = 1024 * 1024
_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_PODS: Final = 30
"""So many pods of one group have their logs in a report."""
_README: Final = f"""\
A report of kubectl-eureka {__version__}.

Secrets are not in it: they were not asked for. Values of variables, annotations that are not
Eurekube's or Kubernetes' own, users and passwords of URLs, and what looks like a token, a password
or a private key are replaced by ***. Look at it before you pass it on.
"""


class Bundle:
    """Parts of a report by path; all are redacted at the end, when all secrets are known."""

    def __init__(self) -> None:
        self._documents: dict[str, Any] = {}
        self._texts: dict[str, str] = {}
        self.notes: list[str] = []

    def add(self, path: str, document: object) -> None:
        """Add a JSON document."""
        self._documents[path] = document

    def add_text(self, path: str, text: str) -> None:
        """Add a log, or metrics."""
        self._texts[path] = text

    def parts(self) -> dict[str, str]:
        """All parts without their secrets."""
        redaction = Redaction()
        redaction.learn(self._documents.values())
        found = {"README.txt": _README}
        for path, document in self._documents.items():
            plain = redaction.document(document)
            is_yaml = path.endswith(".yaml")
            found[path] = (
                yaml.safe_dump(plain, sort_keys=False) if is_yaml else json.dumps(plain, indent=2)
            )
        for path, text in {**self._texts, "notes.txt": "\n".join(self.notes)}.items():
            found[path] = redaction.text(text)
        return found


def write(path: Path, root: str, parts: dict[str, str], mtime_s: int) -> None:
    """Write a report as a compressed archive that only its owner may read.

    Raises:
        UsageError: The file cannot be written, or is there already.
    """
    try:
        path.touch(mode=0o600, exist_ok=False)
        with tarfile.open(path, "w:gz") as archive:
            for name, text in parts.items():
                body = text.encode("utf-8", "backslashreplace")
                entry = tarfile.TarInfo(f"{root}/{name}")
                entry.size, entry.mtime, entry.mode = len(body), mtime_s, 0o600
                archive.addfile(entry, io.BytesIO(body))
    except FileExistsError as error:
        raise UsageError(f"{path}: there is such a file already") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


async def gather(client: Client, namespace: str | None) -> Bundle:
    """Everything of a namespace, or of all (`None`), and of the operator.

    Raises:
        ApiError: EurekaClusters cannot be listed.
    """
    bundle, kube = Bundle(), Kube(client)
    bundle.add("version.json", await client.send("get", "/version"))
    found, notes = await statuses.read(client, namespace, "")
    bundle.notes += notes
    bundle.add("status.json", msgspec.to_builtins(found))
    for document in await kube.list(CLUSTER, namespace):
        await _add_cluster(client, bundle, Target(document))
    await _add_objects(kube, bundle, "registrations", REGISTRATION, namespace)
    await _add_operator(client, bundle)
    await _add_sidecars(client, bundle, namespace)
    return bundle


async def _add_cluster(client: Client, bundle: Bundle, target: Target) -> None:
    kube, root = Kube(client), f"clusters/{target}"
    bundle.add(f"{root}/eurekacluster.yaml", target.document)
    selector = f"{CLUSTER_LABEL}={target.name}"
    pods: list[Object] = []
    for kind in _CHILDREN:
        found = await _add_objects(kube, bundle, root, kind, target.namespace, selector)
        pods += found if kind is POD else []
    await _add_objects(kube, bundle, root, EVENT, target.namespace)
    for pod in pods[:_MOST_PODS]:
        await _add_logs(client, bundle, f"{root}/logs", pod)
        for page in ("peers", "metrics"):
            await _add_page(client, bundle, root, pod, page)
    try:
        answer = await registry.registry(client, target).ask("GET", "apps")
        bundle.add(f"{root}/apps.json", msgspec.json.decode(answer.body))
    except (NoAnswerError, msgspec.MsgspecError) as error:
        bundle.notes.append(f"{target}: its instances: {error}")


async def _add_operator(client: Client, bundle: Bundle) -> None:
    kube = Kube(client)
    for kind in (_DEPLOYMENT, POD):
        for each in await _add_objects(kube, bundle, "operator", kind, None, _OWN):
            if kind is POD:
                await _add_logs(client, bundle, "operator/logs", each)


async def _add_sidecars(client: Client, bundle: Bundle, namespace: str | None) -> None:
    """Add the sidecars' logs, nothing else of their pods: the rest is the application's."""
    try:
        pods = await Kube(client).list(POD, namespace, INJECTED_LABEL)
    except ApiError as error:
        bundle.notes.append(f"pods with a sidecar: {error}")
        return
    for pod in pods[:_MOST_PODS]:
        await _add_log(client, bundle, "sidecars", pod, CONTAINER)


async def _add_objects(
    kube: Kube, bundle: Bundle, root: str, kind: Kind, namespace: str | None, selector: str = ""
) -> list[Object]:
    """Add all objects of a kind, and return them; if they must not be read, add a note."""
    try:
        found = await kube.list(kind, namespace, selector)
    except ApiError as error:
        bundle.notes.append(f"{root}: {kind.plural}: {error}")
        return []
    if found:
        bundle.add(f"{root}/{kind.plural}.yaml", found)
    return found


async def _add_logs(client: Client, bundle: Bundle, root: str, pod: Object) -> None:
    for name in _containers(pod):
        await _add_log(client, bundle, root, pod, name)


async def _add_log(client: Client, bundle: Bundle, root: str, pod: Object, name: str) -> None:
    """The log of a container, and that of the one before it if it was started again."""
    metadata = pod["metadata"]
    path = path_of(POD, metadata["namespace"], metadata["name"], "log")
    restarts = {each["name"]: each.get("restartCount", 0) for each in _statuses(pod)}
    for previous in (False, True) if restarts.get(name) else (False,):
        query = [
            ("container", name),
            ("tailLines", str(_LOG_LINES)),
            ("limitBytes", str(_LOG_BYTES)),
            ("previous", str(previous).lower()),
        ]
        file = f"{root}/{metadata['namespace']}-{metadata['name']}-{name}"
        try:
            body, _ = await client.fetch("get", path, "*/*", 2 * _LOG_BYTES, query_params=query)
        except ApiError as error:
            bundle.notes.append(f"{file}: {error}")
            continue
        bundle.add_text(
            f"{file}{'-previous' if previous else ''}.log", body.decode("utf-8", "replace")
        )


async def _add_page(client: Client, bundle: Bundle, root: str, pod: Object, page: str) -> None:
    """A page of a peer's management port."""
    metadata = pod["metadata"]
    place = path_of(POD, metadata["namespace"], f"{metadata['name']}:{MANAGEMENT_PORT}", "proxy")
    try:
        body, _ = await client.fetch("get", f"{place}/{page}", f"{JSON}, */*", _MOST_BYTES)
        if page == "peers":
            bundle.add(f"{root}/peers/{metadata['name']}.json", msgspec.json.decode(body))
        else:
            text = body.decode("utf-8", "replace")
            bundle.add_text(f"{root}/metrics/{metadata['name']}.txt", text)
    except (ApiError, msgspec.MsgspecError) as error:
        bundle.notes.append(f"{root}: {page} of {metadata['name']}: {error}")


def _containers(pod: Object) -> Iterable[str]:
    spec = pod["spec"]
    every = [*(spec.get("initContainers") or ()), *spec["containers"]]
    return [str(each["name"]) for each in every]


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
