"""A peer of the test's own that takes down what it is told and answers as it is made to."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from processes.liar import Liar

BATCH: Final = "/peerreplication/batch/"
_EMPTY: Final = {"applications": {"versions__delta": "1", "apps__hashcode": "", "application": []}}


class Recorder:
    """Holds items of each application in the order of their arrival, refused ones too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[dict[str, Any]] = []
        self._item_answers: dict[str, list[dict[str, Any]]] = {}
        self._batch_answers: list[int] = []
        self.sizes: list[int] = []
        """How many items each batch had."""
        self.liar: Final = Liar(self._answer)

    def items(self, app: str) -> list[dict[str, Any]]:
        """What came about an application."""
        with self._lock:
            return [item for item in self._items if item["appName"] == app]

    def answer_items(self, app: str, answers: Sequence[Mapping[str, Any]]) -> None:
        """Answer an application's next items so, the later ones with 200."""
        with self._lock:
            self._item_answers[app] = [dict(each) for each in answers]

    def answer_batches(self, statuses: Sequence[int]) -> None:
        """Refuse the next batches with these statuses; none of their items is answered."""
        with self._lock:
            self._batch_answers = list(statuses)

    async def _answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if not request.path.endswith(BATCH):
            return web.json_response(_EMPTY)
        with self._lock:
            items = json.loads(body)["replicationList"]
            self.sizes.append(len(items))
            self._items += items
            if self._batch_answers:
                return web.Response(status=self._batch_answers.pop(0))
            return web.json_response({"responseList": [self._of(item) for item in items]})

    def _of(self, item: Mapping[str, Any]) -> dict[str, Any]:
        waiting = self._item_answers.get(item["appName"])
        return waiting.pop(0) if waiting else {"statusCode": 200}
