"""A few requests to a cluster's etcd, over its gateway for JSON."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any, Final

from . import namespaces, places
from .errors import ClusterError
from .plan import CONTROL, Plan

_HOST: Final = "127.0.0.1"
_PORT: Final = 2379
_TIMEOUT_S: Final = 10.0
_KEY: Final = base64.b64encode(b"eurekube/forgotten").decode()
"""None of Kubernetes' own, which begin with `/registry/`."""


def forget(plan: Plan) -> None:
    """Change something, and compact: no revision seen before is known any more.

    Raises:
        ClusterError: etcd does not answer, or refuses.
    """
    written = _ask(plan, "/v3/kv/put", {"key": _KEY, "value": _KEY})
    revision = written["header"]["revision"]
    _ask(plan, "/v3/kv/compaction", {"revision": revision, "physical": True})


def _ask(plan: Plan, path: str, document: object) -> Any:  # noqa: ANN401 - JSON
    def post() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(_HOST, _PORT, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", path, json.dumps(document))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    try:
        status, body = namespaces.in_network(places.lifeline(plan, CONTROL).pid, post)
    except (OSError, http.client.HTTPException) as error:
        raise ClusterError(f"etcd does not answer {path}: {error}") from error
    if status != http.client.OK:
        raise ClusterError(f"etcd answers {path} with {status}: {body[:500]!r}")
    return json.loads(body)
