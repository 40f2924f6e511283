"""A service of `make demo`: it answers with the name of its pod, and calls the other service.

It finds the other one by name, as every Eureka client does: it asks one peer, and the next one if
that does not answer. With REGISTERS=true it also registers, renews and deregisters itself; else a
sidecar does that for it. Further environment: APP, CALLS (name of the other service), PEERS (URLs
with commas between), POD_NAME, POD_IP.

Each second it prints how many calls it has made so far, and how many of them failed.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

APP, OTHER = os.environ["APP"], os.environ["CALLS"]
POD, ADDRESS = os.environ["POD_NAME"], os.environ["POD_IP"]
PEERS = os.environ["PEERS"].split(",")
REGISTERS = os.environ.get("REGISTERS") == "true"
PORT = 8080
CALLS_A_SECOND = 5
LEASE_S = 30
DRAIN_S = 3
"""Callers here look up each second, so none calls a pod that has left for longer than this."""

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
over = threading.Event()


class Answer(BaseHTTPRequestHandler):
    """The name of the pod."""

    def do_GET(self) -> None:
        """Give it."""
        body = f"{APP} {POD}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def ask(method: str, path: str, document: object = None) -> tuple[int, bytes]:
    """Status and body that the first peer to answer gives; status 0: none does."""
    data = None if document is None else json.dumps(document).encode()
    for _ in range(len(PEERS)):
        request = urllib.request.Request(PEERS[0] + path, data, HEADERS, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500:  # noqa: PLR2004
                    return error.code, b""
        except (OSError, http.client.HTTPException):
            pass
        PEERS.append(PEERS.pop(0))
    return 0, b""


def look_up() -> list[str] | None:
    """The URLs of the other service's instances that are UP; None: no peer answers."""
    status, body = ask("GET", f"vips/{OTHER}")
    if status == 0:
        return None
    if status != 200:  # noqa: PLR2004 - 404: none is registered
        return []
    applications: list[dict[str, Any]] = json.loads(body)["applications"]["application"]
    return [
        f"http://{each['ipAddr']}:{each['port']['$']}/"
        for application in applications
        for each in application["instance"]
        if each["status"] == "UP"
    ]


def call(url: str) -> bool:
    """Whether an instance answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.read())
    except (OSError, http.client.HTTPException):
        return False


def call_for_ever() -> None:
    """Call the other service's instances in turn, and print each second how that goes."""
    urls: list[str] = []
    calls = failed = 0
    for number in count():
        if number % CALLS_A_SECOND == 0:
            found = look_up()
            urls = urls if found is None else found  # the last list stays, as in Java's clients
            print(json.dumps({"app": APP, "calls": calls, "failed": failed}), flush=True)  # noqa: T201
        if urls:
            calls += 1
            failed += not call(urls[number % len(urls)])
        if over.wait(1 / CALLS_A_SECOND):
            return


def register() -> None:
    """Register this pod."""
    instance = {
        "instanceId": f"{POD}:{APP}:{PORT}",
        "app": APP.upper(),
        "vipAddress": APP,
        "hostName": ADDRESS,
        "ipAddr": ADDRESS,
        "status": "UP",
        "port": {"$": PORT, "@enabled": "true"},
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "name": "MyOwn",
        },
        "leaseInfo": {"renewalIntervalInSecs": LEASE_S // 3, "durationInSecs": LEASE_S},
    }
    ask("POST", f"apps/{APP.upper()}", {"instance": instance})


def hold_a_lease() -> None:
    """Register, and renew until the end; register again when no peer knows the lease."""
    path = f"apps/{APP.upper()}/{POD}:{APP}:{PORT}"
    register()
    while not over.wait(LEASE_S / 3):
        if ask("PUT", path)[0] != 200:  # noqa: PLR2004
            register()
    ask("DELETE", path)


def main() -> None:
    """Serve and call until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    server = ThreadingHTTPServer(("", PORT), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lease = threading.Thread(target=hold_a_lease if REGISTERS else over.wait)
    lease.start()
    call_for_ever()
    lease.join()
    if REGISTERS:
        time.sleep(DRAIN_S)


if __name__ == "__main__":
    main()
