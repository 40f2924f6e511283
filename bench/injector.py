"""What the injector costs: time added to a pod's creation, size of its patches, answers, memory.

It runs with the rights and certificates of the chart before a real API server without nodes.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.figures import median, percentile
from bench.lab import Lab, NotMeasuredError
from bench.results import Better, Goal, Row
from cluster import control, lifecycle, records
from cluster.errors import CannotRunError, ClusterError
from cluster.plan import Plan
from cluster.versions import DEFAULT_KUBERNETES, Kubernetes
from eureka_operator.core.injection.decide import Refuse, decide
from kube.injection.chain import Chain, Injector
from support.clusterobjects import document
from support.kubectl import Kubectl
from support.standin.client import Client
from unit.operator.core.injection.shapes import shapes

_ADDED: Final = Goal(20.0)
_PATCH: Final = Goal(8192)
_CONNECTIONS: Final = 16
_POD: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "orders-", "labels": {"app": "orders"}},
    "spec": {
        "containers": [
            {
                "name": "orders",
                "image": "example.com/orders:1",
                "ports": [{"containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
            }
        ]
    },
}

_Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def injector(lab: Lab) -> list[Row]:
    """All figures of the injector."""
    lab.say("the injector, before an API server of its own")
    rows = [_patches()]
    async with _installed() as (chain, asked):
        start_mib = _mib(asked)
        rows += await _added(lab, chain)
        rows += await _answers(lab, asked)
        note = f"{start_mib:.1f} MiB before it was asked anything"
        rows.append(Row("memory (RSS)", "MiB", Better.LESS, [_mib(asked)], note=note))
    return rows


def _patches() -> Row:
    """Of each shape of a pod that the tests know."""
    sizes = []
    for each in shapes().values():
        decision = decide(each.given(), each.namespace, each.configuration())
        if not isinstance(decision, Refuse) and decision.patch:
            sizes.append(float(len(json.dumps(decision.patch, separators=(",", ":")))))
    note = f"of {len(sizes)} shapes of pods; the median is {median(sizes):.0f}"
    return Row("largest patch", "bytes", Better.LESS, [max(sizes)], [], _PATCH, note)


async def _added(lab: Lab, chain: Chain) -> list[Row]:
    """One pod after the other, in turn with the webhook and without it; nothing is kept."""
    pairs = lab.rounds(2_000, 300)
    lab.say(f"{2 * pairs} pods, every other one through the webhook")
    times: dict[str, list[float]] = {"shop": [], "plain": []}
    async with Client(chain.plan.kubeconfig) as client:
        for number in range(pairs + 20):
            for namespace, taken in times.items():
                path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
                begin = time.perf_counter()
                await client.request("POST", path, _POD)
                if number >= 20:
                    taken.append((time.perf_counter() - begin) * 1e3)
    both = zip(times["shop"], times["plain"], strict=True)
    added = [injected - alone for injected, alone in both]
    plain = percentile(sorted(times["plain"]), 0.5), percentile(sorted(times["plain"]), 0.99)
    note = f"without it a pod takes {plain[0]:.1f} ms, p99 {plain[1]:.1f} ms; {pairs} pairs"
    apart = percentile(sorted(times["shop"]), 0.99) - plain[1]
    return [
        Row("added to a pod, p50", "ms", Better.LESS, [percentile(sorted(added), 0.5)], note=note),
        Row("added to a pod, p99 of pairs", "ms", Better.LESS, [percentile(sorted(added), 0.99)]),
        Row("added to the p99 of pods", "ms", Better.LESS, [apart], [], _ADDED),
    ]


async def _answers(lab: Lab, asked: Injector) -> list[Row]:
    """As many questions as one replica answers, over connections that stay."""
    lab.say(f"questions over {_CONNECTIONS} connections")
    request = {
        "uid": "1",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": _POD,
    }
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    body = json.dumps(review).encode()
    head = "POST /inject HTTP/1.1\r\nHost: i\r\nContent-Type: application/json\r\n"
    question = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    ways = [await _connected(asked) for _ in range(_CONNECTIONS)]
    before, begin = _cpu_s(asked), time.monotonic()
    end = begin + lab.seconds
    counts = await asyncio.gather(*(_ask(way, question, end) for way in ways))
    seconds, count = time.monotonic() - begin, sum(counts)
    each_us = (_cpu_s(asked) - before) / count * 1e6
    note = f"{each_us:.0f} us of CPU each; the generator has the other core"
    return [Row("answers of one replica", "1/s", Better.MORE, [count / seconds], note=note)]


async def _connected(asked: Injector) -> _Way:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(sock=asked.socket(), ssl=context, server_hostname="")


async def _ask(way: _Way, question: bytes, end: float) -> int:
    """Ask over a connection until it is time; how often."""
    reader, writer = way
    count = 0
    while time.monotonic() < end:
        writer.write(question)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise NotMeasuredError(f"the injector answers {head[:40]!r}")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b'"patch"' not in answer:
            raise NotMeasuredError("the injector gives no patch")
        count += 1
    writer.close()
    return count


@asynccontextmanager
async def _installed() -> AsyncIterator[tuple[Chain, Injector]]:
    """An API server with the chart, one injector, and namespaces with and without the label."""
    name = f"bench-{os.getpid()}"
    plan = Plan(name, records.work_folder(name), Kubernetes.parse(DEFAULT_KUBERNETES), 0)
    try:
        await asyncio.to_thread(lifecycle.bring_up, plan)
    except (CannotRunError, ClusterError) as error:
        raise NotMeasuredError(str(error)) from error
    try:
        with tempfile.TemporaryDirectory(prefix="eurekube-injector-") as folder:
            api = Kubectl(control.kubectl(plan))
            with api.in_a_namespace("eurekube") as home:
                chain = Chain(plan, api, home, Path(folder))
                try:
                    yield chain, await asyncio.to_thread(_set_up, chain)
                finally:
                    await asyncio.to_thread(chain.remove)
    finally:
        await asyncio.to_thread(lifecycle.take_down, plan.work)


def _set_up(chain: Chain) -> Injector:
    chain.apply()
    chain.have_operator()
    (asked,) = chain.have_injectors(1)
    for each in ("shop", "plain"):
        chain.api("create", "namespace", each)
    shop = Kubectl(chain.api.program, "shop")
    shop("label", "namespace", "shop", "eurekube.io/inject=enabled")
    shop.apply(json.dumps(document({})))
    chain.used()
    chain.decided("shop")
    return asked


def _mib(asked: Injector) -> float:
    lines = Path(f"/proc/{asked.process.pid}/status").read_text().splitlines()
    return next(int(each.split()[1]) / 1024 for each in lines if each.startswith("VmRSS:"))


def _cpu_s(asked: Injector) -> float:
    """Seconds of a core used so far; its threads' are in it."""
    fields = Path(f"/proc/{asked.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
