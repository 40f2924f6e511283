"""The injector's server: every question is answered, and no pod is blocked by a fault of ours."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from eureka_operator.core.admission import MOST_BYTES, Question
from eureka_operator.core.certificates import SETTLE_S
from eureka_operator.shell.served import ServedLeaf
from eureka_operator.shell.webhook import (
    LIMITS,
    InjectorMetrics,
    Judge,
    Limits,
    Verdict,
    Webhook,
    serve_pages,
)
from support.certified import HOST, SignedPair, configuration

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
PATCH = ({"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}},)
INJECTED = Verdict("injected", "ok", PATCH)

_Body = bytes | AsyncIterator[bytes]


class Replica:
    """A webhook that answers on loopback."""

    def __init__(self, webhook: Webhook, metrics: InjectorMetrics, leaf: ServedLeaf) -> None:
        self.webhook = webhook
        self.metrics = metrics
        self.leaf = leaf
        self.port = 0
        self.passed_s = 0.0
        """How much time has passed, for the leaf."""

    def answer_counts(self) -> dict[tuple[str, str], float]:
        """Answers by result and reason."""
        text = self.metrics.exposition().decode()
        found = re.findall(
            r'eureka_injector_answers_total{reason="(\w+)",result="(\w+)"} (\S+)', text
        )
        return {(result, reason): float(count) for reason, result, count in found}


@asynccontextmanager
async def answering(
    *verdicts: Verdict | Exception, certified: SignedPair | None = None, limits: Limits = LIMITS
) -> AsyncIterator[tuple[Replica, Client]]:
    """A replica that gives these verdicts one after the other, the last again and again."""
    left = list(verdicts)

    async def judge(_: Question) -> Verdict:
        verdict = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async with judging(judge, certified or SignedPair(), limits) as both:
        yield both


@asynccontextmanager
async def judging(
    judge: Judge, certified: SignedPair, limits: Limits = LIMITS
) -> AsyncIterator[tuple[Replica, Client]]:
    """A replica that asks this function."""
    metrics, leaf = InjectorMetrics(), ServedLeaf(HOST, clock=lambda: replica.passed_s)
    replica = Replica(Webhook(judge, metrics, limits), metrics, leaf)
    leaf.consider(certified.secret(), configuration(certified.bundle))
    async with replica.webhook.serve("127.0.0.1", 0, leaf.listening) as port:
        replica.port = port
        async with Client(port, certified.bundle) as client:
            yield replica, client


class Client:
    """Asks as the API server does."""

    def __init__(self, port: int, bundle: str) -> None:
        trust = ssl.create_default_context(cadata=bundle)
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        self._session = aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=connector)

    async def __aenter__(self) -> Client:
        """Connections are opened when they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self._session.close()

    async def ask(self, body: _Body | None = None, **request: object) -> dict[str, Any]:
        """The response of the review that comes back."""
        headers = {"Content-Type": "application/json"}
        sent = json.dumps(review(**request)).encode() if body is None else body
        data = io.BytesIO(sent) if isinstance(sent, bytes) else sent
        answer = await self._post(data, headers)
        assert answer["kind"] == "AdmissionReview"
        response = answer["response"]
        assert isinstance(response, dict)
        return response

    async def _post(self, data: object, headers: dict[str, str]) -> dict[str, Any]:
        async with self._session.post(
            "/inject", data=data, headers=headers, server_hostname=HOST
        ) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            self.closed = answer.headers.get("Connection") == "close"
            found: dict[str, Any] = await answer.json()
            return found

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and text of another page."""
        async with self._session.request(method, path, server_hostname=HOST) as answer:
            return answer.status, await answer.text()


def review(**changes: object) -> dict[str, Any]:
    """A question about a pod."""
    request = {
        "uid": UID,
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": {"metadata": {}, "spec": {}},
    } | changes
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


async def test_pod_is_patched() -> None:
    """And the answer is counted with its reason, time and size."""
    async with answering(INJECTED) as (replica, client):
        response = await client.ask()

    assert (response["uid"], response["allowed"], response["patchType"]) == (
        UID,
        True,
        "JSONPatch",
    )
    assert tuple(json.loads(base64.b64decode(response["patch"]))) == PATCH
    assert replica.answer_counts() == {("injected", "ok"): 1}
    text = replica.metrics.exposition().decode()
    assert "eureka_injector_answer_seconds_count 1.0" in text
    assert "eureka_injector_answer_bytes_count 1.0" in text


async def test_refused_pod_is_told_why() -> None:
    """The sentence is what `kubectl` shows."""
    async with answering(Verdict("refused", "no_port", message="name a port")) as (replica, client):
        response = await client.ask()

    assert response["allowed"] is False
    assert response["status"]["message"] == "name a port"
    assert replica.answer_counts() == {("refused", "no_port"): 1}


async def test_dry_run_counts_nothing() -> None:
    """`sideEffects: None` promises it; the answer is the same."""
    async with answering(INJECTED) as (replica, client):
        response = await client.ask(dryRun=True)
        assert response["patchType"] == "JSONPatch"

    assert replica.answer_counts() == {}
    assert "eureka_injector_answer_seconds_count 0.0" in replica.metrics.exposition().decode()


@pytest.mark.parametrize(
    ("body", "uid", "reason"),
    [
        (b"", "", "not_json"),
        (b"[]", "", "no_review"),
        (json.dumps(review(operation="UPDATE")).encode(), UID, "not_a_new_pod"),
        (json.dumps(review(object={"a": "b" * MOST_BYTES})).encode(), UID, "too_large"),
    ],
    ids=["empty", "list", "update", "large"],
)
async def test_odd_question_is_allowed_and_counted(body: bytes, uid: str, reason: str) -> None:
    """A 500 would keep pods from starting where the policy is Fail."""
    async with answering(INJECTED) as (replica, client):
        response = await client.ask(body)
        assert (await client.ask())["allowed"]

    assert response == {"uid": uid, "allowed": True}
    assert replica.answer_counts()["allowed", reason] == 1


async def test_content_type_has_to_be_json() -> None:
    """A form that a browser sends across origins is not."""
    async with answering(INJECTED) as (replica, client):
        body = json.dumps(review()).encode()
        answer = await client._post(body, {"Content-Type": "text/plain"})

    assert answer["response"] == {"uid": UID, "allowed": True}
    assert replica.answer_counts() == {("allowed", "content_type"): 1}


async def test_body_that_is_not_packed_as_it_says_is_allowed() -> None:
    """The library's own answer would be an error, which stops a pod where the webhook must work."""
    async with answering(INJECTED) as (replica, client):
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await client._post(b'{"request":{}}', headers)

    assert answer["response"]["allowed"] is True
    assert replica.answer_counts() == {("allowed", "broken_body"): 1}


async def test_fault_of_ours_is_allowed_counted_and_logged_without_the_pod(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Environment variables of pods hold passwords."""
    pod = {"spec": {"containers": [{"env": [{"name": "PASSWORD", "value": "hunter2"}]}]}}
    async with answering(KeyError("spec"), INJECTED) as (replica, client):
        assert await client.ask(object=pod) == {"uid": UID, "allowed": True}
        assert "patch" in await client.ask()

    assert replica.answer_counts() == {("allowed", "error"): 1, ("injected", "ok"): 1}
    assert "a fault of the injector's own" in caplog.text
    assert "hunter2" not in caplog.text


async def test_question_that_finds_no_room_is_allowed_and_counted() -> None:
    """Better a pod without its sidecar than a Deployment that waits."""
    hold, asked = asyncio.Event(), asyncio.Event()

    async def judge(_: Question) -> Verdict:
        asked.set()
        await hold.wait()
        return INJECTED

    async with judging(judge, SignedPair(), Limits(at_once=1, queue_s=0.05)) as (replica, client):
        first = asyncio.create_task(client.ask())
        await asked.wait()
        assert await client.ask() == {"uid": UID, "allowed": True}
        hold.set()
        assert "patch" in await first
        assert "patch" in await client.ask()

    assert replica.answer_counts() == {("allowed", "overload"): 1, ("injected", "ok"): 2}


async def test_body_that_does_not_come_is_given_up() -> None:
    """Its place is free again."""

    async def slow_body() -> AsyncIterator[bytes]:
        yield json.dumps(review()).encode()[:150]
        await asyncio.Event().wait()

    async with answering(INJECTED, limits=Limits(at_once=1, body_s=0.05)) as (replica, client):
        assert await client.ask(slow_body()) == {"uid": UID, "allowed": True}
        assert "patch" in await client.ask()

    assert replica.answer_counts() == {("allowed", "slow_body"): 1, ("injected", "ok"): 1}


async def test_two_hundred_questions_at_once_are_answered() -> None:
    """As when a large Deployment is scaled up."""
    async with answering(INJECTED) as (replica, client):
        answers = await asyncio.gather(*(client.ask() for _ in range(200)))

    assert all("patch" in each for each in answers)
    assert replica.answer_counts() == {("injected", "ok"): 200}


async def test_other_pages_say_what_there_is() -> None:
    """For who looks with curl."""
    async with answering(INJECTED) as (_, client):
        assert await client.get("/") == (404, "nothing here; there is POST /inject\n")
        assert await client.get("/inject") == (405, "/inject takes POST\n")


async def test_replica_that_is_about_to_end_sends_clients_away() -> None:
    """The API server keeps connections for long; the next question has to go to another pod."""
    async with answering(INJECTED) as (replica, client):
        await client.ask()
        assert not client.closed
        replica.webhook.closing = True
        assert "patch" in await client.ask()
        assert client.closed


async def test_new_leaf_is_served_without_a_restart() -> None:
    """The listener stays, and so do connections of before."""
    old, new = SignedPair(), SignedPair()
    async with answering(INJECTED, certified=old) as (replica, client):
        await client.ask()
        both = configuration(old.bundle + new.bundle)
        replica.leaf.consider(new.secret(), both)
        replica.passed_s += SETTLE_S
        replica.leaf.consider(new.secret(), both)

        assert "patch" in await client.ask()
        async with Client(replica.port, new.bundle) as later:
            assert "patch" in await later.ask()
        async with Client(replica.port, old.bundle) as distrusting:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await distrusting.ask()


async def test_leaf_that_is_not_trusted_yet_does_not_replace_one_that_is() -> None:
    """The API server would refuse it, whatever the order in which both become known here."""
    old, new = SignedPair(), SignedPair()
    async with answering(INJECTED, certified=old) as (replica, client):
        replica.leaf.consider(new.secret(), configuration(old.bundle, old.bundle))

        assert replica.leaf.problem is None
        assert "patch" in await client.ask()

        replica.leaf.consider(new.secret(), configuration(old.bundle + new.bundle, old.bundle))
        assert replica.leaf.problem is None
        assert "patch" in await client.ask()


async def test_pages_of_health_and_metrics() -> None:
    """Plain HTTP on a port of their own: the kubelet and Prometheus know no CA of ours."""
    problems: list[str | None] = [None]
    metrics = InjectorMetrics()
    metrics.answer(INJECTED, 0.001, 300)
    async with (
        serve_pages("127.0.0.1", 0, lambda: problems[0], metrics) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        answers = []
        for path in ("/livez", "/readyz", "/metrics", "/other"):
            async with session.get(path) as answer:
                answers.append((answer.status, await answer.text()))
        problems[0] = "no certificate"
        async with session.get("/readyz") as answer:
            answers.append((answer.status, await answer.text()))

    assert answers[0] == answers[1] == (200, "ok\n")
    assert 'eureka_injector_answers_total{reason="ok",result="injected"} 1.0' in answers[2][1]
    assert answers[3] == (404, "nothing here; there are /livez, /readyz, /metrics\n")
    assert answers[4] == (503, "no certificate\n")
