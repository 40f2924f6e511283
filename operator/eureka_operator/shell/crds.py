"""Compares the served CustomResourceDefinitions with the fields that this operator knows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from eureka_operator.core import crds
from eureka_operator.core.events import WARNING
from eureka_operator.core.kinds import CLUSTER, CRD, Kind, Object
from eureka_operator.shell.client import ApiError, RefusedError
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics

_REASON: Final = "CRDTooOld"
_log = logging.getLogger(__name__)


class ServedCRDs:
    """Reports missing fields: a log line when they change, a metric, and an event on each cluster.

    Without the right to read CRDs nothing is compared, which is logged once.
    """

    def __init__(self, kube: Kube, metrics: Metrics) -> None:
        self._kube = kube
        self._metrics = metrics
        self._missing: dict[Kind, tuple[str, ...]] = {}
        self._last_text: set[str] = set()
        self._refused = ""

    async def compare(self, clusters: Iterable[Object]) -> None:
        """Look at each CRD once, and post the event on EurekaClusters that do not have it yet."""
        for kind in crds.KINDS:
            await self._compare(kind)
        missing = self._missing.get(CLUSTER, ())
        if missing:
            await self._tell(clusters, crds.warning(crds.name(CLUSTER), missing))
        else:
            self._last_text.clear()

    async def _compare(self, kind: Kind) -> None:
        name = crds.name(kind)
        try:
            crd = await self._kube.get(CRD, "", name)
        except RefusedError as error:
            self._note_refusal(f"it is not known whether {name} has all fields: {error}")
            return
        except ApiError as error:
            _log.debug("%s could not be read: %s", name, error)
            return
        if crd is None:
            return
        missing = crds.missing_fields(crd, kind)
        if missing and missing != self._missing.get(kind):
            _log.warning("%s", crds.warning(name, missing))
        self._missing[kind] = missing
        self._metrics.crd_missing_fields(name, len(missing))

    def _note_refusal(self, message: str) -> None:
        if not self._refused:
            _log.info("%s", message)
        self._refused = message

    async def _tell(self, clusters: Iterable[Object], message: str) -> None:
        for cluster in clusters:
            uid = cluster["metadata"]["uid"]
            if uid not in self._last_text:
                self._last_text.add(uid)
                await self._kube.post_event(cluster, WARNING, _REASON, message)
