"""A program for a pod of the registry's image: it tries to get at an instance of somebody else.

Its argument is a JSON object: `url` of a peer, `app` and `id` of the instance, its `namespace`,
`own`, which is the pod's, and `proofs`: further `Authorization` headers to try, by what they are.
In `/credentials` there are `ca.crt`, `token`, and `other` with another audience. It prints a JSON
object: for each attempt the status it was answered with.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_FOLDER: Final = Path("/credentials")
_TIMEOUT_S: Final = 20.0
_REPLICATION: Final = "x-netflix-discovery-replication"

Headers = list[tuple[str, str]]


def main(wanted: dict[str, Any]) -> dict[str, int]:
    """Make all attempts."""
    where = f"apps/{wanted['app']}/{wanted['id']}"
    own = _bearer("token")
    forged = own[:-8] + "AAAAAAAA"
    replicated = [("Authorization", own), (_REPLICATION, "true")]
    documents = {
        "its own namespace": _document(wanted, wanted["own"], "intruder"),
        "a forged namespace": _document(wanted, wanted["namespace"], "intruder"),
        "the other's id": _document(wanted, wanted["own"], wanted["id"]),
    }
    batch = {
        "replicationList": [{"appName": wanted["app"], "id": wanted["id"], "action": "Cancel"}]
    }
    attempts: dict[str, tuple[str, str, Headers, object]] = {
        "renew": ("PUT", where, [("Authorization", own)], None),
        "cancel": ("DELETE", where, [("Authorization", own)], None),
        "cancel in small letters": ("DELETE", where.lower(), [("Authorization", own)], None),
        "pause": ("PUT", f"{where}/status?value=DOWN", [("Authorization", own)], None),
        "lift an override": ("DELETE", f"{where}/status", [("Authorization", own)], None),
        "metadata": ("PUT", f"{where}/metadata?a=b", [("Authorization", own)], None),
        "replicate": ("DELETE", where, replicated, None),
        "batch": ("POST", "peerreplication/batch/", [("Authorization", own)], batch),
        "copy": ("GET", "peerreplication/copy", [("Authorization", own)], None),
        "cancel without a token": ("DELETE", where, [], None),
        "cancel with another audience": (
            "DELETE",
            where,
            [("Authorization", _bearer("other"))],
            None,
        ),
        "cancel with a forged token": ("DELETE", where, [("Authorization", forged)], None),
        "cancel with two headers": ("DELETE", where, 2 * [("Authorization", own)], None),
    }
    for what, proof in wanted["proofs"].items():
        attempts[f"renew with {what}"] = ("PUT", where, [("Authorization", proof)], None)
    for what, document in documents.items():
        path = f"apps/{wanted['app']}"
        attempts[f"register with {what}"] = ("POST", path, [("Authorization", own)], document)
    return {what: _status(wanted["url"], *attempt) for what, attempt in attempts.items()}


def _status(url: str, method: str, path: str, headers: Headers, body: object) -> int:
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=str(_FOLDER / "ca.crt"))
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, timeout=_TIMEOUT_S, context=context
    )
    data = json.dumps(body).encode() if body is not None else b""
    connection.putrequest(method, f"{parts.path}{path}")
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def _bearer(name: str) -> str:
    return f"Bearer {(_FOLDER / name).read_text().strip()}"


def _document(wanted: dict[str, Any], namespace: str, name: str) -> dict[str, Any]:
    instance = {
        "instanceId": name,
        "app": wanted["app"],
        "hostName": "intruder",
        "ipAddr": "10.0.0.1",
        "status": "UP",
        "vipAddress": wanted["app"].lower(),
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "name": "MyOwn",
        },
        "metadata": {"namespace": namespace},
    }
    return {"instance": instance}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201
