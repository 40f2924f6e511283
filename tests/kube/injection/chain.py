"""The injector as an API server meets it, without nodes: everything but the pods is real.

The chart is applied as it is rendered. Its programs run in the API server's network with the rights
of the chart's accounts; EndpointSlices lead the API server to them, as those of ready pods would.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from cluster import namespaces, places
from cluster.plan import CONTROL, CONTROL_ADDRESS, Plan
from eureka_operator.core.injection.status import INJECTED_LABEL
from processes.cluster import until
from support import helm as helms
from support.kubectl import Kubectl
from support.rendering import OPERATOR, Values, rendered

NAME: Final = "eurekube-injector"
SECRET: Final = f"{NAME}-tls"
WEBHOOK: Final = "mutatingwebhookconfigurations.admissionregistration.k8s.io"

_PROGRAM: Final = Path(sys.executable).with_name("eureka-operator")
_HASTY: Final = Path(__file__).with_name("hasty.py")
_JSON: Final = "application/json"
_LEFT_OUT: Final = frozenset({"Deployment", "PodDisruptionBudget", "NetworkPolicy"})
"""What is about pods, of which there are none."""
_PATIENCE_S: Final = 90.0
_PORTS: Final = re.compile(r"answering on port (\d+); health and metrics on port (\d+)")
_OPERATORS_PORT: Final = re.compile(r"health and metrics on port (\d+)")

Object = dict[str, Any]


class Program:
    """A program of the operator's package in the API server's network; killed with the block."""

    pages: re.Pattern[str] = _OPERATORS_PORT
    """What it says of the port of its pages, the last group."""

    def __init__(self, plan: Plan, namespace: str, log: Path, *words: str, **named: str) -> None:
        self.log = log
        self._holder = places.lifeline(plan, CONTROL).pid
        variables = {"POD_NAME": "program", "POD_NAMESPACE": namespace, **named}
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                [*places.inside(plan, CONTROL), *words],
                env={**os.environ, **variables},
                stdout=said,
                stderr=said,
            )

    def log_text(self) -> str:
        """All of its log so far."""
        return self.log.read_text(errors="replace")

    def wait_for_text(self, text: str) -> None:
        """Wait until it has said something."""
        until(lambda: text in self.log_text() or self._has_ended(), _PATIENCE_S)
        assert text in self.log_text(), self.log_text()[-3000:]

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages."""
        said = until(lambda: self.pages.search(self.log_text()), _PATIENCE_S)
        return self.ask(int(said.groups()[-1]), path)

    def ask(self, port: int, path: str) -> tuple[int, str]:
        """Status and text that plain HTTP gives at one of its ports."""

        def get() -> tuple[int, str]:
            connection = http.client.HTTPConnection(CONTROL_ADDRESS, port, timeout=20)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            finally:
                connection.close()

        return namespaces.in_network(self._holder, get)

    def metric(self, line: str) -> float:
        """A figure of its metrics by name and labels, as they are printed; 0 if it is not there."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.page("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def kill(self) -> None:
        """End it, and wait for that."""
        self.process.kill()
        self.process.wait()

    def _has_ended(self) -> bool:
        return self.process.poll() is not None


class Injector(Program):
    """A replica of the injector, and the EndpointSlice that leads to it."""

    pages = _PORTS

    def __init__(
        self, plan: Plan, home: Kubectl, number: int, kubeconfig: Path, *flags: str
    ) -> None:
        log = kubeconfig.with_name(f"injector-{number}.log")
        network = (f"--host={CONTROL_ADDRESS}", "--port=0", "--health-port=0")
        words = (f"--kubeconfig={kubeconfig}", *network, *flags)
        super().__init__(plan, home.namespace, log, str(_PROGRAM), "injector", *words)
        self.slice = f"injector-{number}"
        self._home = home

    @property
    def port(self) -> int:
        """Of HTTPS."""
        return int(until(lambda: self.pages.search(self.log_text()), _PATIENCE_S)[1])

    def socket(self) -> socket.socket:
        """A connection without TLS to its port for questions."""
        where = CONTROL_ADDRESS, self.port
        return namespaces.in_network(self._holder, lambda: socket.create_connection(where, 10))

    def connection(self) -> http.client.HTTPConnection:
        """A connection of somebody who does not look at certificates, to ask over."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        found = http.client.HTTPConnection(CONTROL_ADDRESS, self.port, timeout=60)
        found.sock = context.wrap_socket(self.socket())
        return found

    def ready(self) -> bool:
        """Whether it says so."""
        return self.page("/readyz")[0] == http.client.OK

    def join(self) -> None:
        """Let the API server ask it once it is ready."""
        until(lambda: self._has_ended() or self.ready(), _PATIENCE_S)
        assert not self._has_ended(), self.log_text()[-3000:]
        self._home.apply(json.dumps(_slice(self.slice, self.port)))

    def leave(self) -> None:
        """Have it end as a pod does: told so while the API server is told of it."""
        self.process.send_signal(signal.SIGTERM)
        self._home("delete", "endpointslice", self.slice)

    def wait_for_exit(self) -> None:
        """Wait for its end, which is a good one."""
        assert self.process.wait(_PATIENCE_S) == 0, self.log_text()[-3000:]

    def drop(self) -> None:
        """Have it gone, whatever it is at."""
        self.kill()
        self._home("delete", "endpointslice", self.slice, "--ignore-not-found")


class ApiServer:
    """Requests without a kubectl each, which takes more time than all else."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._at = urlsplit(cluster["server"]).netloc
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def send(self, method: str, path: str, document: object, kind: str = _JSON) -> str:
        """What comes back, whatever it is."""
        connection = http.client.HTTPSConnection(self._at, timeout=20, context=self._tls)
        try:
            connection.request(method, path, json.dumps(document), {"Content-Type": kind})
            return connection.getresponse().read().decode()
        finally:
            connection.close()


class Chain:
    """A release of the chart, and the programs of it that run.

    `home` is its namespace, `api` all of the cluster.
    """

    def __init__(self, plan: Plan, api: Kubectl, home: Kubectl, folder: Path) -> None:
        self.plan = plan
        self.api = api
        self.home = home
        self.folder = folder
        self.injectors: list[Injector] = []
        self.operators: list[Program] = []
        self._leaving: list[Injector] = []
        self._count = 0
        self._accounts: dict[str, Path] = {}
        self._api_server = ApiServer(plan.kubeconfig)

    def render(self, values: Values) -> list[Object]:
        """What of the chart is applied."""
        found = rendered(
            helms.helm(self.plan, self.home.namespace), OPERATOR, values, "--skip-tests"
        )
        return [each for each in found if each["kind"] not in _LEFT_OUT]

    def apply(self, values: Values | None = None) -> None:
        """Have the chart's objects, with these values; those of another mode go."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": self.render(values or {})})
        words = ("apply", "--server-side", "--validate=strict", "--force-conflicts", "-f", "-")
        self.home(*words, given=given)
        self.api("wait", "--for=condition=Established", "crd", "--all", "--timeout=150s")

    def remove(self) -> None:
        """End all programs, and have no objects of the chart but its CRDs; webhooks go first."""
        for each in (*self.operators, *self.injectors, *self._leaving):
            each.kill()
        items = [each for each in self.render({}) if each["kind"] != "CustomResourceDefinition"]
        items.sort(key=lambda each: not each["kind"].endswith("WebhookConfiguration"))
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.home("delete", "--ignore-not-found", "--wait=false", "-f", "-", given=given)

    def have_operator(self, *flags: str, hasty_s: float | None = None) -> Program:
        """Have a new operator that leads, and none of before; it reconciles in `home` alone.

        `hasty_s`: its CAs for the injector are renewed after so many seconds.
        """
        self.end_operator()
        self._count += 1
        kubeconfig = self._as("eurekube-operator")
        program = [str(_PROGRAM)] if hasty_s is None else [sys.executable, str(_HASTY)]
        words = [f"--kubeconfig={kubeconfig}", f"--host={CONTROL_ADDRESS}", "--port=0"]
        words += [f"--injector={NAME}", "--injector-certificates"]
        words += [f"--namespaces={self.home.namespace}", *flags]
        started = Program(
            self.plan,
            self.home.namespace,
            self.folder / f"operator-{self._count}.log",
            *(*program, "run", *words),
            RENEWED_AFTER_S=str(hasty_s),
        )
        self.operators = [started]
        started.wait_for_text("watching EurekaClusters")
        return started

    def end_operator(self) -> None:
        """Have none."""
        while self.operators:
            ending = self.operators.pop()
            ending.process.send_signal(signal.SIGTERM)
            ending.process.wait(_PATIENCE_S)

    def injector(self, *flags: str) -> Injector:
        """Start an injector; the API server does not know it before it has joined."""
        self._count += 1
        started = Injector(self.plan, self.home, self._count, self._as(NAME), *flags)
        self.injectors.append(started)
        return started

    def replace_one(self) -> None:
        """Have a new one in the place of the oldest, as a rollout does it."""
        self.injector().join()
        oldest = self.injectors.pop(0)
        oldest.leave()
        self._leaving.append(oldest)

    def certificate_count(self) -> int:
        """How often injectors have taken a new certificate."""
        return sum(each.log_text().count("serving a certificate") for each in self.injectors)

    def answers(self, result: str) -> float:
        """How many pods injectors have `injected`, `skipped`, `refused` or `allowed`."""
        found = re.compile(
            rf'^eureka_injector_answers_total{{.*result="{result}"}} (\S+)$', re.MULTILINE
        )
        pages = (each.page("/metrics")[1] for each in self.injectors)
        return sum(float(number) for page in pages for number in found.findall(page))

    def drop_injectors(self) -> None:
        """Have none."""
        while self.injectors:
            self.injectors.pop().drop()

    def have_injectors(self, count: int, *flags: str) -> list[Injector]:
        """Have so many that are new, and no others."""
        before = list(self.injectors)
        after = [self.injector(*flags) for _ in range(count)]
        for each in after:
            each.join()
        for each in before:
            each.leave()
        self.injectors = after
        self._leaving += before
        return after

    def have_no_others(self) -> None:
        """Wait until those that were there before have ended."""
        while self._leaving:
            self._leaving.pop().wait_for_exit()

    def used(self) -> None:
        """Wait until the API server asks an injector."""
        self._wait_until_injected(
            "default", {"eurekube.io/registry": "http://eureka.example:8761/"}, 1
        )

    def decided(self, namespace: str) -> None:
        """Wait until every injector knows the namespace and its registry."""
        times = 4 * len(self.injectors)  # the API server asks one by chance
        self._wait_until_injected(namespace, {}, times)

    def _wait_until_injected(
        self, namespace: str, annotations: Mapping[str, str], times: int
    ) -> None:
        labels = {} if namespace != "default" else {"eurekube.io/inject": "enabled"}
        metadata = {"name": "probe", "labels": labels, "annotations": annotations}
        container = {"name": "probe", "image": "probe", "ports": [{"containerPort": 80}]}
        pod = {"metadata": metadata, "spec": {"containers": [container]}}
        path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
        for _ in range(times):
            until(lambda: INJECTED_LABEL in self._api_server.send("POST", path, pod), _PATIENCE_S)

    def webhook(self) -> Object:
        """The MutatingWebhookConfiguration."""
        found: Object = self.api.get(WEBHOOK, NAME)
        return found

    @contextmanager
    def failing_closed(self) -> Iterator[None]:
        """Have the API server refuse pods about which it gets no answer."""
        self._set_policy("Fail")
        try:
            yield
        finally:
            self._set_policy("Ignore")

    def explanation(self) -> str:
        """What a person would look at first."""
        return "\n".join(
            f"--- {each.log.name}\n{each.log_text()[-3000:]}"
            for each in (*self.operators, *self.injectors)
        )

    def _set_policy(self, policy: str) -> None:
        patch = [
            {"op": "replace", "path": f"/webhooks/{number}/failurePolicy", "value": policy}
            for number, _ in enumerate(self.webhook()["webhooks"])
        ]
        self.api("patch", WEBHOOK, NAME, "--type=json", f"--patch={json.dumps(patch)}")

    def _as(self, account: str) -> Path:
        """A kubeconfig of one of the chart's ServiceAccounts, for programs in the network."""
        if account not in self._accounts:
            document = yaml.safe_load(self.plan.kubeconfig_inside.read_text())
            token = self.home("create", "token", account, "--duration=1h").strip()
            document["users"][0]["user"] = {"token": token}
            path = self.folder / account / "kubeconfig"
            path.parent.mkdir()
            path.write_text(yaml.safe_dump(document))
            self._accounts[account] = path
        return self._accounts[account]


def _slice(name: str, port: int) -> Mapping[str, object]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [CONTROL_ADDRESS], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
