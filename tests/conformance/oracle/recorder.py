"""A peer of the test's own that takes down what it is told and answers as it is made to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from processes.lying_peer import LyingPeer

BATCH: Final = "/peerreplication/batch/"
_EMPTY: Final = {"applications": {"versions__delta": "1", "apps__hashcode": "", "application": []}}


class Recorder:
    """An honest peer in a `LyingPeer`'s place, which remembers items, refused ones too."""

    def __init__(self) -> None:
        self._item_answers: dict[str, list[dict[str, Any]]] = {}
        self._batch_answers: list[int] = []
        self.liar: Final = LyingPeer(self._answer)

    @property
    def sizes(self) -> list[int]:
        """How many items each batch had."""
        return [len(batch) for batch in self.liar.batches]

    def items(self, app: str) -> list[dict[str, Any]]:
        """What came about an application, in the order of its arrival."""
        return [item for item in self.liar.items() if item["appName"] == app]

    def answer_items(self, app: str, answers: Sequence[Mapping[str, Any]]) -> None:
        """Answer an application's next items so, the later ones with 200."""
        self._item_answers[app] = [dict(each) for each in answers]

    def answer_batches(self, statuses: Sequence[int]) -> None:
        """Refuse the next batches with these statuses; none of their items is answered."""
        self._batch_answers = list(statuses)

    async def _answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if not request.path.endswith(BATCH):
            return web.json_response(_EMPTY)
        if self._batch_answers:
            return web.Response(status=self._batch_answers.pop(0))
        items = json.loads(body)["replicationList"]
        return web.json_response({"responseList": [self._of(item) for item in items]})

    def _of(self, item: Mapping[str, Any]) -> dict[str, Any]:
        waiting = self._item_answers.get(item["appName"])
        return waiting.pop(0) if waiting else {"statusCode": 200}
