"""Real peers as processes: started and stopped by pid, asked over HTTP like anybody could.

Nothing here waits for luck: `until` polls the public API and gives up after a bound, `throughout`
looks again and again that something holds.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

JSON = {"Accept": "application/json"}
REPLICATION = {"x-netflix-discovery-replication": "true"}
DEFAULT_CLASS = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
FAST: Mapping[str, object] = {
    "register_with_eureka": False,
    "digest_interval_s": 0.3,
    "peers_refresh_s": 0.2,
    "eviction_interval_s": 0.3,
    "peer_connect_timeout_s": 0.5,
    "peer_read_timeout_s": 1.0,
    "sync_timeout_s": 3.0,
    "snapshot_interval_s": 0.5,
    "stop_timeout_s": 3.0,
    # A handful of instances stands for a fleet: what self-preservation does has its own tests,
    # and so has the share of the registry that may go within a minute.
    "self_preservation": False,
    "renewal_threshold": 0.0,
}
"""Settings of every peer here unless a test says otherwise: all that happens in time is soon."""

PATIENCE_S = 60.0
"""Longest wait for something that takes well under a second on an idle machine."""

AT_ONCE_S = 1.0
"""A look-up that takes so long waited for somebody: time-outs between peers begin there."""

_POLL_S = 0.04
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2
_PORTS = itertools.count(11_000 + 2_000 * _WORKER + random.randrange(500))  # noqa: S311
"""Below the ephemeral ports of Linux and gVisor, so that no outgoing connection takes one; others
for each worker of a run, and by chance for a second run."""

_T = TypeVar("_T")


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the document is
        """The body read as JSON."""
        return json.loads(self.body)


def ask(  # noqa: PLR0913 - what a request may have
    where: int | tuple[str, int],
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 10.0,
    context: ssl.SSLContext | None = None,
) -> Reply:
    """Make a request to a port of 127.0.0.1, or to an address of this machine and a port.

    With a context it is by HTTPS.

    Raises:
        OSError, HTTPException: no answer comes.
    """
    host, port = ("127.0.0.1", where) if isinstance(where, int) else where
    connection = (
        http.client.HTTPConnection(host, port, timeout=timeout_s)
        if context is None
        else http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    )
    sent = {**JSON, **(headers or {})}
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=data, headers=sent)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def until(what: Callable[[], _T | None], within_s: float = PATIENCE_S) -> _T:
    """Poll until `what` gives something true, and give that; `AssertionError` with the last."""
    end = time.monotonic() + within_s
    while True:
        last: object
        try:
            found = what()
            if found:
                return found
            last = found
        except (OSError, http.client.HTTPException) as error:
            last = error
        assert time.monotonic() < end, f"not within {within_s:g} s, last: {last!r}"
        time.sleep(_POLL_S)


def check_throughout(what: Callable[[], object], span_s: float) -> None:
    """Look for `span_s` seconds that `what` stays true."""
    end = time.monotonic() + span_s
    while time.monotonic() < end:
        assert what()
        time.sleep(_POLL_S)


def free_port() -> int:
    """A port nobody listens on, given to nobody else by this process."""
    for port in _PORTS:
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError


def document(app: str, instance_id: str, **fields: object) -> dict[str, dict[str, object]]:
    """What a client registers; a lease of 2 s unless `leaseInfo` says otherwise."""
    number = sum(instance_id.encode())
    return {
        "instance": {
            "instanceId": instance_id,
            "hostName": f"h-{instance_id}",
            "app": app,
            "ipAddr": "10.0.0.1",
            "status": "UP",
            "port": {"$": 8000 + number % 1000, "@enabled": "true"},
            "securePort": {"$": 443, "@enabled": "false"},
            "dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"},
            "leaseInfo": {"renewalIntervalInSecs": 1, "durationInSecs": 2},
            "vipAddress": app.lower(),
            "lastDirtyTimestamp": "1700000000000",
            **fields,
        }
    }


LONG = {"renewalIntervalInSecs": 30, "durationInSecs": 90}
"""`leaseInfo` of an instance nobody renews in a test."""


class PeerProcess:
    """One peer: its settings, and its process if it runs."""

    def __init__(self, directory: Path, name: str, settings: Mapping[str, object]) -> None:
        self.name = name
        self.host = str(settings.get("host") or "127.0.0.1")
        self.port = int(str(settings.get("port") or free_port()))
        self.management_port = free_port()
        self.settings: dict[str, object] = {
            **FAST,
            **settings,
            "name": name,
            "port": self.port,
            "management_port": self.management_port,
        }
        self.log_path = directory / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.file = directory / f"{name}.json"
        """The file of its settings."""
        self.flags: list[str] = []
        self.environment: dict[str, str] = {}
        """Variables that are not in ours."""

    @property
    def url(self) -> str:
        """Its service URL."""
        return f"http://{self.host}:{self.port}/eureka/"

    # -- The process

    def start(self) -> None:
        """Start it; wait with `ready`."""
        self.configure()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "eureka_registry",
                    "serve",
                    "--config",
                    str(self.file),
                    "--stop-with-stdin",
                    *self.flags,
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**environment(), **self.environment},
            )

    def configure(self, **changes: object) -> str:
        """Write the file of its settings in one step, which it may be running by; its content."""
        self.settings.update(changes)
        text = json.dumps(self.settings)
        beside = self.file.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.file)
        return text

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def pause(self) -> None:
        """Stop its process as a stalled machine does."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End its process as a crash does."""
        if self.process is not None:
            self.process.kill()  # also ends a stopped one
            self.exit_code()

    def exit_code(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its process to end."""
        assert self.process is not None
        code = self.process.wait(within_s)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    def terminate(self) -> int:
        """Ask it to end, and wait."""
        self.signal(signal.SIGTERM)
        return self.exit_code()

    @property
    def log(self) -> str:
        """What it has logged so far, over all its processes."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # -- What it says

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 10.0,
    ) -> Reply:
        """Make a request below `/eureka`."""
        where = (self.host, self.port)
        return ask(where, method, f"/eureka{path}", body, headers, timeout_s=timeout_s)

    @property
    def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        try:
            return ask(self.management_port, "GET", "/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def ready(self, within_s: float = PATIENCE_S) -> None:
        """Wait until it is ready."""
        until(self._ready_or_dead, within_s)

    def _ready_or_dead(self) -> bool:
        ended = self.process is None or self.process.poll() is not None
        assert not ended, f"{self.name} is not running:\n{self.log[-2000:]}"
        return self.is_ready

    @property
    def view(self) -> dict[str, Any]:
        """Its `/peers` document."""
        seen: dict[str, Any] = ask(self.management_port, "GET", "/peers").json
        return seen

    def counter(self, name: str) -> float:
        """What a counter without labels stands at: `get_all` is `eureka_server_get_all_total`."""
        text = ask(self.management_port, "GET", "/metrics").body.decode()
        found = re.search(rf"^eureka_server_{name}_total ([0-9.e+]+)$", text, re.MULTILINE)
        assert found is not None, f"no counter of that name: {name}"
        return float(found.group(1))

    def edges(self) -> dict[str, dict[str, Any]]:
        """How it sees each listed URL, by port."""
        return {each["url"].split(":")[2].split("/")[0]: each for each in self.view["peers"]}

    def edge(self, other: PeerProcess) -> dict[str, Any]:
        """How it sees another peer."""
        return self.edges()[str(other.port)]

    # -- What clients do

    def register(self, app: str, instance_id: str, **fields: object) -> None:
        """Register an instance, which must succeed."""
        reply = self.ask("POST", f"/apps/{app}", document(app, instance_id, **fields))
        assert reply.status == 204, reply

    def renew(self, app: str, instance_id: str) -> int:
        """Renew a lease; the status."""
        query = "status=UP&lastDirtyTimestamp=1700000000000"
        return self.ask("PUT", f"/apps/{app}/{instance_id}?{query}").status

    def instance(self, app: str, instance_id: str) -> dict[str, Any] | None:
        """One instance's document, `None` if there is none."""
        reply = self.ask("GET", f"/apps/{app}/{instance_id}")
        return reply.json["instance"] if reply.status == 200 else None

    def ids(self, app: str | None = None) -> set[str]:
        """Ids in its list of all applications, or of one."""
        reply = self.ask("GET", "/apps")
        if reply.status != 200:
            raise ConnectionError(f"{self.name} answered {reply.status}")
        applications = reply.json["applications"]["application"]
        return {
            each["instanceId"]
            for application in applications
            if app in (None, application["name"])
            for each in application["instance"]
        }


def slowest_look_up(peers: Sequence[PeerProcess], span_s: float) -> float:
    """Fetch the list from peers in turn for so long; the longest time in seconds one took."""
    slowest = 0.0
    end = time.monotonic() + span_s
    for peer in itertools.cycle(peers):
        began = time.monotonic()
        assert peer.ask("GET", "/apps").status == 200
        slowest = max(slowest, time.monotonic() - began)
        if time.monotonic() > end:
            break
        time.sleep(_POLL_S)
    return slowest


class Cluster:
    """Peers wired to each other; every process is gone when the block is left."""

    def __init__(self, size: int = 3, **settings: object) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="eurekube-test-")
        self.directory = Path(self._temporary.name)
        self.peers: list[PeerProcess] = []
        for number in range(1, size + 1):
            self.add(f"peer{number}", **settings)
        self.wire()

    def __enter__(self) -> Cluster:
        """Use it in `with`; nothing is started yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Kill what runs. A traceback in any log is a failure of its own."""
        for peer in self.peers:
            peer.kill()
        logs = {peer.name: peer.log for peer in self.peers}
        self._temporary.cleanup()
        if kind is not None:
            for name, log in logs.items():
                print(f"--- {name}\n{log[-3000:]}")  # noqa: T201 - shown with the failed test
            return
        broken = [log for log in logs.values() if "Traceback" in log or " ERROR " in log]
        assert not broken, broken[0][-4000:]

    def add(self, name: str, **settings: object) -> PeerProcess:
        """Make one more peer, which is wired to nobody and not started."""
        peer = PeerProcess(self.directory, name, settings)
        self.peers.append(peer)
        return peer

    def wire(self, *further: str) -> None:
        """List every peer at every other one, and `further` URLs as well; before they start."""
        urls = [peer.url for peer in self.peers]
        for peer in self.peers:
            peer.settings["peers"] = [*(url for url in urls if url != peer.url), *further]

    def start(self, peers: Iterable[PeerProcess] | None = None) -> Cluster:
        """Start peers at once, all unless told which, and wait until they are ready."""
        started = list(self.peers if peers is None else peers)
        for peer in started:
            peer.start()
        for peer in started:
            peer.ready()
        return self

    def agreed(self) -> bool:
        """Whether all hold the same."""
        views = [peer.view["applications"] for peer in self.peers]
        return all(view == views[0] for view in views)

    def counter(self, name: str) -> float:
        """What a counter stands at, over all peers that run."""
        return sum(peer.counter(name) for peer in self.peers)

    def everywhere(self, app: str, ids: Iterable[str]) -> bool:
        """Whether every peer lists exactly these instances of `app`."""
        wanted = set(ids)
        return all(peer.ids(app) == wanted for peer in self.peers)


def environment() -> dict[str, str]:
    """The environment without settings of a registry."""
    foreign = ("EUREKA_", "SPRING_", "SERVER_")
    return {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
