"""Instances kept alive by one thread, and look-ups that must always succeed somewhere."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence

from processes.cluster import PeerProcess, document

_PACE_S = 0.3
_TIMEOUT_S = 0.6


class Fleet:
    """`size` clients of one application: renew, fail over, register again after a 404.

    `urls` of a client is a list of peers; it stays with the one that answered last.
    """

    def __init__(self, peers: Sequence[PeerProcess], app: str, size: int) -> None:
        self.app = app
        self.ids = {f"{app.lower()}-{number}" for number in range(size)}
        self.lost = 0
        """Renewals answered 404: the peer did not know the lease."""
        self.failed = 0
        """Look-ups and renewals no peer answered."""
        self.rounds = 0
        self._peers = list(peers)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fleet {app}")

    def __enter__(self) -> Fleet:
        """Register all of them, then renew in the background."""
        for instance_id in self.ids:
            self._register(instance_id)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread; leases are left to end by themselves."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PACE_S):
            for instance_id in self.ids:
                self._hold(instance_id)
            self.failed += self._status("GET", f"/apps/{self.app}") != 200
            self.rounds += 1

    def _hold(self, instance_id: str) -> None:
        path = f"/apps/{self.app}/{instance_id}?status=UP&lastDirtyTimestamp=1700000000000"
        status = self._status("PUT", path)
        if status == 404:
            self.lost += 1
            self._register(instance_id)
        elif status != 200:
            self.failed += 1

    def _register(self, instance_id: str) -> None:
        body = document(self.app, instance_id)
        self.failed += self._status("POST", f"/apps/{self.app}", body) != 204

    def _status(self, method: str, path: str, body: object = None) -> int:
        """What the first peer that answers says; 0: none does."""
        for _ in range(len(self._peers)):
            try:
                status = self._peers[0].ask(method, path, body, timeout_s=_TIMEOUT_S).status
                if status < 500:
                    return status
            except (OSError, http.client.HTTPException):
                pass
            self._peers.append(self._peers.pop(0))
        return 0
