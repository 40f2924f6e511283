"""Keeps the webhooks for namespaces that EurekaClusters select up to date.

A task of the leader. Server-side apply with a field manager of its own: the chart's webhooks, which
are its installer's, are not touched, and what an EurekaCluster had goes with it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from eureka_operator.core.injection.webhooks import is_selected, selected_webhooks
from eureka_operator.core.kinds import WEBHOOK, Object
from eureka_operator.core.names import MANAGER
from eureka_operator.shell.client import ApiError, Client, path_of
from eureka_operator.shell.mirror import Mirror, Name
from eureka_operator.shell.view import View

SELECTION_MANAGER: Final = f"{MANAGER}-selection"
"""Owns the webhooks of chosen namespaces, and nothing else."""

_APPLY: Final = "application/apply-patch+yaml"
_LOOK_S: Final = 60.0
_AGAIN_S: Final = 3.0

_log = logging.getLogger(__name__)


class SelectedNamespaces:
    """Keeps them in the configuration `name`, by a view of EurekaClusters.

    `view` calls `changed.set` when it changes.
    """

    def __init__(self, client: Client, name: str, view: View, change_event: asyncio.Event) -> None:
        self._client = client
        self._view = view
        self._change_event = change_event
        self._name = name
        self._configuration = Mirror(WEBHOOK, _unchanged, name=name, tell=change_event.set)
        self._problem = ""

    async def run(self) -> None:
        """Look whenever something changes, and once a minute; for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._configuration.follow(self._client))
            while True:
                self._change_event.clear()
                pause_s = _LOOK_S if await self._try() else _AGAIN_S
                try:
                    async with asyncio.timeout(pause_s):
                        await self._change_event.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> None:
        """Apply the webhooks for selected namespaces, if they are missing or different.

        While EurekaClusters are not known, none is removed.

        Raises:
            ApiError: It is tried again.
        """
        if self._view.problem is not None or not self._configuration.complete:
            return
        live = self._configuration.objects.get(Name("", self._name))
        if live is None:
            return
        wanted = selected_webhooks(self._view.registries, live)
        present = [each for each in live.get("webhooks") or () if is_selected(each)]
        if sorted(present, key=lambda each: str(each["name"])) == wanted:
            return
        await self._client.send(
            "patch",
            path_of(WEBHOOK, None, self._name),
            _apply_body(live, wanted),
            content_type=_APPLY,
            field_manager=SELECTION_MANAGER,
            force_conflicts=True,
        )
        names = ", ".join(str(each["name"]) for each in wanted)
        _log.info("webhooks of namespaces that EurekaClusters choose: %s", names or "none")

    async def _try(self) -> bool:
        """Try a turn; returns whether it succeeded."""
        try:
            await self.turn()
        except ApiError as error:
            if str(error) != self._problem:
                message = "namespaces chosen by spec.injection are not all injected: %s"
                _log.warning(message, error)
            self._problem = str(error)
            return False
        self._problem = ""
        return True


def _apply_body(live: Object, wanted: list[Object]) -> Object:
    """The object to apply, to the version that was read: else a new CA bundle could be undone."""
    metadata = live["metadata"]
    kept = {key: metadata[key] for key in ("name", "uid", "resourceVersion")}
    return {
        "apiVersion": WEBHOOK.api_version,
        "kind": WEBHOOK.kind,
        "metadata": kept,
        "webhooks": wanted,
    }


def _unchanged(body: Object) -> Object:
    return body
