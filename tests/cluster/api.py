"""The few requests to an API server that bringing a cluster up takes, over the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import ClusterError

_TIMEOUT_S: Final = 20.0
_CONFLICT: Final = 409
_FAILED: Final = 400


class Api:
    """Talks to the API server of a kubeconfig that this tool wrote."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._at = urlsplit(cluster["server"])
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def ready(self) -> bool:
        """Whether it answers and says it is ready."""
        try:
            return self._ask("GET", "/readyz")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> Any:  # noqa: ANN401 - whatever the document is
        """Read a document.

        Raises:
            ClusterError: there is no such, or it does not answer.
        """
        return json.loads(self._done("GET", path))

    def create(self, path: str, document: object) -> None:
        """Create an object; that it is there already is no error.

        Raises:
            ClusterError: it is refused, or nobody answers.
        """
        self._done("POST", path, document)

    def _done(self, method: str, path: str, document: object = None) -> bytes:
        try:
            status, body = self._ask(method, path, document)
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(
                f"the API server does not answer {method} {path}: {error}"
            ) from error
        if status >= _FAILED and status != _CONFLICT:
            said = body.decode(errors="replace")[:500]
            raise ClusterError(f"the API server answers {method} {path} with {status}: {said}")
        return body

    def _ask(self, method: str, path: str, document: object = None) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(
            self._at.hostname or "", self._at.port, timeout=_TIMEOUT_S, context=self._tls
        )
        body = None if document is None else json.dumps(document)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
