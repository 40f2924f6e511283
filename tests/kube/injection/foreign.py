"""Another injector: a mutating webhook that adds a container and an init container of its own."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from cluster import namespaces, places
from cluster.plan import CONTROL, Plan
from eureka_operator.core.certificates import Subject
from eureka_operator.shell.keypairs import make_authority, make_leaf
from support.kubectl import Kubectl

CONTAINER: Final = "other-proxy"
STARTER: Final = "other-init"
_HOST: Final = "localhost"
_SUBJECT: Final = Subject("another CA", (_HOST,))

Object = dict[str, Any]


@contextmanager
def injecting(
    plan: Plan, api: Kubectl, name: str, namespace: str, folder: Path, *, first: bool
) -> Iterator[None]:
    """Have it for one namespace while the block lasts; `first`: before others in their lists.

    Configurations are asked in the order of their names.
    """
    now = datetime.now(UTC)
    issuer = make_authority(_SUBJECT.authority, now)
    files = folder / "leaf.pem", folder / "key.pem"
    for file, text in zip(files, make_leaf(issuer, _SUBJECT, now), strict=True):
        file.write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    handler = type("Handler", (_Handler,), {"first": first})
    holder = places.lifeline(plan, CONTROL).pid
    server = namespaces.in_network(holder, lambda: ThreadingHTTPServer((_HOST, 0), handler))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    bundle = issuer.certificate.public_bytes(Encoding.PEM)
    try:
        api.apply(json.dumps(_configuration(name, namespace, server.server_port, bundle)))
        yield
    finally:
        api("delete", "mutatingwebhookconfiguration", name, "--ignore-not-found")
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    first = False

    def do_POST(self) -> None:
        """Answer a question."""
        length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(length))["request"]
        patch = json.dumps([*self._operations(request["object"]["spec"])])
        response = {
            "uid": request["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(patch.encode()).decode(),
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        body = json.dumps(review | {"response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _operations(self, spec: Object) -> Iterator[Object]:
        place = 0 if self.first else "-"
        for field, name in (("initContainers", STARTER), ("containers", CONTAINER)):
            if any(each["name"] == name for each in spec.get(field) or ()):
                continue
            container = {"name": name, "image": "example.com/other:1"}
            if spec.get(field):
                yield {"op": "add", "path": f"/spec/{field}/{place}", "value": container}
            else:
                yield {"op": "add", "path": f"/spec/{field}", "value": [container]}


def _configuration(name: str, namespace: str, port: int, bundle: bytes) -> Object:
    where = {"url": f"https://{_HOST}:{port}/", "caBundle": base64.b64encode(bundle).decode()}
    webhook = {
        "name": "other.example.com",
        "admissionReviewVersions": ["v1"],
        "clientConfig": where,
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "sideEffects": "None",
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    }
