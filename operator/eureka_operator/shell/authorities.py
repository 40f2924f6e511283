"""The leader's loop that publishes CAs of registries to the namespaces of their pods."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from eureka_operator.core import authorities as core
from eureka_operator.core import names
from eureka_operator.core.authorities import Place
from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.kinds import CONFIG_MAP, POD, Object
from eureka_operator.core.pods import Pod
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.mirror import Mirror, Name
from eureka_operator.shell.view import View

_LOOK_S: Final = 10.0
"""How often CAs are looked at when nothing else changes."""
_REST_S: Final = 1.0
"""Between two turns: pods change all the time."""

_log = logging.getLogger(__name__)


class Authorities:
    """Keeps a ConfigMap in each namespace with pods of a cluster that has TLS.

    `injected_pods` gives the pods that have a sidecar, `None` while they are not all known.
    `change_event` is set by whoever sees another pod or EurekaCluster.
    """

    def __init__(
        self,
        kube: Kube,
        view: View,
        injected_pods: Callable[[], list[Pod] | None],
        change_event: asyncio.Event,
    ) -> None:
        self._kube = kube
        self._view = view
        self._injected_pods = injected_pods
        self._change_event = change_event
        self._published = Mirror(
            CONFIG_MAP, _relevant_fields, labels=core.LABEL, tell=change_event.set
        )
        self._problems: dict[object, str] = {}

    async def run(self, client: Client) -> None:
        """Look when something changes, and every ten seconds; for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._published.follow(client))
            while True:
                self._change_event.clear()
                try:
                    await self.turn()
                except Exception as error:  # noqa: BLE001 - a fault here stops no other work
                    _log.exception("CAs of registries were not published: %s", error)
                await asyncio.sleep(_REST_S)
                try:
                    async with asyncio.timeout(_LOOK_S):
                        await self._change_event.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> None:
        """Publish what is needed, repair what was changed, remove what is not needed any more.

        While pods or EurekaClusters are not all known, nothing is done.
        """
        pods = self._injected_pods()
        if pods is None or self._view.problem is not None or not self._published.complete:
            return
        wanted = core.places(pods, self._view.registries)
        bundles = await self._bundles(wanted)
        live = {(each.namespace, each.name): body for each, body in self._published.objects.items()}
        planned = core.plan(wanted, bundles, live)
        for body in planned.apply:
            await self._publish(body, pods)
        for place in planned.remove:
            await self._remove(place)

    async def _bundles(self, wanted: Mapping[Place, RegistryTarget]) -> dict[str, str]:
        found = {}
        for registry in {str(each): each for each in wanted.values()}.values():
            try:
                text = core.certificates(await self._bundle(registry))
            except ApiError as error:
                self._note(str(registry), f"CAs of EurekaCluster {registry}: {error}")
                continue
            message = "" if text else f"CAs of EurekaCluster {registry}: there are none; waiting"
            self._note(str(registry), message)
            found[registry.authorities] = text
        return found

    async def _bundle(self, registry: RegistryTarget) -> str:
        """The CAs that are published beside a cluster's peers; empty: none, or not yet."""
        trust = await self._kube.get(CONFIG_MAP, registry.namespace, names.trust(registry.name))
        return str(((trust or {}).get("data") or {}).get(names.AUTHORITIES_KEY) or "")

    async def _publish(self, body: Object, pods: list[Pod]) -> None:
        """Apply it, with force only if it is ours: one that somebody else made is left as it is."""
        place = Name(body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            await self._kube.apply(body, force=place in self._published.objects)
        except ApiError as error:
            cure = "delete that ConfigMap if another program made it"
            self._note(place, f"ConfigMap {'/'.join(place)} is not published: {error}; {cure}")
            return
        self._note(place, "")
        _log.info("ConfigMap %s has the CAs of its registry", "/".join(place))
        mark = {names.CONFIG_HASH: names.object_digest(body["data"])}
        try:
            for pod in core.newest_readers(pods, place):
                await self._kube.annotate(POD, pod.namespace, pod.name, mark)
        except ApiError as error:
            _log.info("pods of %s see their CAs within two minutes: %s", place.namespace, error)

    async def _remove(self, place: Place) -> None:
        metadata = self._published.objects[Name(*place)]["metadata"]
        try:
            await self._kube.delete(CONFIG_MAP, *place, uid=metadata["uid"])
        except ApiError as error:
            self._note(place, f"ConfigMap {'/'.join(place)} is not removed: {error}")
        else:
            self._note(place, "")
            _log.info("ConfigMap %s is removed: no pod needs it", "/".join(place))

    def _note(self, about: object, problem: str) -> None:
        """Log a problem once; empty: there is none any more."""
        if problem and self._problems.get(about) != problem:
            _log.warning("%s", problem)
        if problem:
            self._problems[about] = problem
        else:
            self._problems.pop(about, None)


def _relevant_fields(body: Object) -> Object:
    """The parts of a ConfigMap that matter."""
    metadata = body["metadata"]
    kept = {key: metadata[key] for key in ("uid", "labels") if key in metadata}
    return {"metadata": kept, "data": body.get("data")}
