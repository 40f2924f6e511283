"""Every state of a kind's objects while a block lasts, in order: nothing is between two looks."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from e2e.operator.ekc import LABEL, EkcCluster
from processes.cluster import until
from support.kubectl import Kubectl

_PATIENCE_S: Final = 60.0


class Watched:
    """What a watch has said so far: objects as they were, the newest last."""

    def __init__(self) -> None:
        self._documents: list[dict[str, Any]] = []

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """`ADDED`, `MODIFIED` or `DELETED`, each with the object."""
        return [(each["type"], each["object"]) for each in [*self._documents]]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """All states of all objects."""
        return [found for _, found in self.events]

    def add(self, document: dict[str, Any]) -> None:
        """Keep what the watch says."""
        self._documents.append(document)


class Replacements:
    """How pods took each other's places, by a watch of them."""

    def __init__(self, pods: Watched) -> None:
        self._pods = pods

    @property
    def made(self) -> list[str]:
        """The names of pods that took another one's place, in the order in which they were made."""
        seen: dict[str, set[str]] = {}
        found = []
        for _, pod in self._pods.events:
            name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
            known = seen.setdefault(name, set())
            if known and uid not in known:
                found.append(name)
            known.add(uid)
        return found

    @property
    def max_away(self) -> int:
        """How many were away at the same time at most.

        A pod is away from the moment its deletion begins until the next one of its name is ready. A
        probe that a busy machine answers late makes no pod count as away.
        """
        away: set[str] = set()
        most = 0
        for kind, pod in self._pods.events:
            name = pod["metadata"]["name"]
            if kind == "DELETED" or "deletionTimestamp" in pod["metadata"]:
                away.add(name)
            elif is_ready(pod):
                away.discard(name)
            most = max(most, len(away))
        return most


@contextmanager
def watched(kubectl: Kubectl, *words: str, present: bool = True) -> Iterator[Watched]:
    """Watch objects, of which some are `present`; `words` are as those of `kubectl get`."""
    command = kubectl.command("get", *words, "--watch", "--output-watch-events", "--output=json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = Watched()
        reader = threading.Thread(target=_read, args=(process, found), name="watch", daemon=True)
        reader.start()
        try:
            until(lambda: found.events or not present, _PATIENCE_S)
            yield found
        finally:
            process.kill()
            reader.join()


@contextmanager
def watched_pods(cluster: EkcCluster) -> Iterator[Replacements]:
    """Watch the pods of a cluster."""
    selector = f"--selector={LABEL}={cluster.name}"
    with watched(cluster.kubectl, "pods", selector, present=bool(cluster.pods)) as found:
        yield Replacements(found)


@contextmanager
def watched_object(cluster: EkcCluster) -> Iterator[Watched]:
    """Watch the EurekaCluster itself."""
    with watched(cluster.kubectl, f"eurekacluster/{cluster.name}") as found:
        yield found


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod's condition says so."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _read(process: subprocess.Popen[str], found: Watched) -> None:
    """Take over documents, one on each line."""
    assert process.stdout is not None
    for line in process.stdout:
        found.add(json.loads(line))
