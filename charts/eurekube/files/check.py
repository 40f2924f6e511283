"""What `helm test` runs: a registry of one peer is made, used, and deleted again.

Runs in the operator's image, standard library only. Arguments: namespace, the cluster's domain.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

NAME: Final = "eurekube-test"
PATIENCE_S: Final = 120.0
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_APP: Final = "EUREKUBE-TEST"
_DELETING: Final = {HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT}
_INSTANCE: Final = {
    "instanceId": "helm-test",
    "hostName": "helm-test",
    "app": _APP,
    "ipAddr": "192.0.2.1",
    "status": "UP",
    "port": {"$": 80, "@enabled": "true"},
    "dataCenterInfo": {
        "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
        "name": "MyOwn",
    },
}


def main(namespace: str, domain: str) -> None:
    """Exit with a sentence when something does not work."""
    clusters = f"/apis/eurekube.io/v1alpha1/namespaces/{namespace}/eurekaclusters"
    remove(f"{clusters}/{NAME}")  # what an interrupted test has left
    spec = {"replicas": 1, "peers": {"dnsPrefix": f"{NAME}-peer"}}
    document = {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "metadata": {"name": NAME},
        "spec": spec,
    }
    expect(
        api("POST", clusters, document),
        HTTPStatus.CREATED,
        f"making EurekaCluster {namespace}/{NAME}",
    )
    try:
        wait_ready(f"{clusters}/{NAME}")
        use(f"http://{NAME}.{namespace}.svc.{domain}:8761/eureka/apps/{_APP}")
    finally:
        remove(f"{clusters}/{NAME}")
    say("deleted, with everything that was made of it")


def wait_ready(path: str) -> None:
    """Wait until the operator says Ready of what is asked for now."""
    end = time.monotonic() + PATIENCE_S
    conditions: list[dict[str, Any]] = []
    while time.monotonic() < end:
        found = expect(api("GET", path), HTTPStatus.OK, f"reading {path}")
        conditions = found.get("status", {}).get("conditions", [])
        wanted = ("Ready", "True", found["metadata"]["generation"])
        if any(
            (each["type"], each["status"], each.get("observedGeneration")) == wanted
            for each in conditions
        ):
            say("ready")
            return
        time.sleep(1)
    said = "; ".join(f"{each['type']}={each['status']}: {each['message']}" for each in conditions)
    sys.exit(f"not ready after {PATIENCE_S:g} s: {said or 'the operator has written no status'}")


def use(url: str) -> None:
    """Register an instance, find it, and remove it."""
    end = time.monotonic() + PATIENCE_S
    while (answer := http("POST", url, {"instance": _INSTANCE}))[0] != HTTPStatus.NO_CONTENT:
        if time.monotonic() > end:
            expect(answer, HTTPStatus.NO_CONTENT, f"registering at {url}")
        time.sleep(1)  # the Service's endpoints follow readiness
    found = expect(http("GET", url), HTTPStatus.OK, f"reading {url}")
    ids = [each["instanceId"] for each in found["application"]["instance"]]
    if ids != [_INSTANCE["instanceId"]]:
        sys.exit(f"{url} has the instances {ids}, not the one that was registered")
    expect(
        http("DELETE", f"{url}/{_INSTANCE['instanceId']}"), HTTPStatus.OK, f"removing it from {url}"
    )
    say(f"registered, found and removed an instance at {url}")


def remove(path: str) -> None:
    """Delete the EurekaCluster, its children first, and wait until it is gone."""
    end = time.monotonic() + PATIENCE_S
    while (answer := api("DELETE", path, {"propagationPolicy": "Foreground"}))[
        0
    ] != HTTPStatus.NOT_FOUND:
        if answer[0] not in _DELETING or time.monotonic() > end:
            expect(answer, HTTPStatus.NOT_FOUND, f"waiting for the end of {path}")
        time.sleep(1)


def api(method: str, path: str, document: object = None) -> tuple[int, Any]:
    """Call the API server as this pod's ServiceAccount."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    token = (_ACCOUNT / "token").read_text().strip()
    trust = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    return http(method, server + path, document, token=token, trust=trust)


def http(
    method: str,
    url: str,
    document: object = None,
    *,
    token: str = "",
    trust: ssl.SSLContext | None = None,
) -> tuple[int, Any]:
    """The status and the JSON document of an answer; status 0 when none came, with the reason."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:  # noqa: S310
            body = answer.read()
            return answer.status, json.loads(body) if body else {}
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def expect(answer: tuple[int, Any], status: int, doing: str) -> Any:  # noqa: ANN401 - JSON
    """The document of an answer; exit if the status is another one."""
    if answer[0] != status:
        sys.exit(f"{doing}: {int(answer[0]) or 'no answer'}: {answer[1]}")
    return answer[1]


def say(text: str) -> None:
    """Show what works already in `helm test --logs`."""
    print(text, flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    main(*sys.argv[1:])
