"""What reaches the port and is no question of an API server's, and questions about odd pods."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eureka_operator.core.admission import MOST_BYTES
from kube.injection.chain import Chain, Injector
from processes.cluster import until
from unit.operator.core.injection.shapes import shapes
from unit.operator.core.injection.test_properties import PLACES, mutate

MUTATED: Final = 1_000
STALLED: Final = 50
_SHAPES: Final = shapes()
_UID: Final = "9f2a"
_JSON: Final = {"Content-Type": "application/json"}
_DEEP: Final = 100_000
_URL: Final = "http://eureka.example:8761/eureka/"

Object = dict[str, Any]
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def injector(release: Chain) -> Iterator[Injector]:
    """One that the API server does not ask, so that nobody is disturbed."""
    found = release.injector()
    release.injectors.remove(found)
    until(found.ready)
    yield found
    found.kill()


def test_mutated_pods_are_answered_and_changed_in_the_listed_places_alone(
    injector: Injector, record_property: Record
) -> None:
    """Over HTTPS, by one connection: what is broken in a pod is for the API server to say."""
    seconds: list[float] = []

    @settings(
        max_examples=MUTATED, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data(), st.sampled_from(sorted(_SHAPES)), st.integers(1, 4))
    def each(data: st.DataObject, name: str, mutations: int) -> None:
        pod = json.loads(json.dumps(_SHAPES[name].pod))
        for _ in range(mutations):
            mutate(pod, data)
        body = _encoded(_review(pod))
        begin = time.perf_counter()
        status, response = _asked(connection, body)
        seconds.append(time.perf_counter() - begin)

        assert status == http.client.OK
        assert response["allowed"] or response["status"]["code"] == http.client.FORBIDDEN
        patch = json.loads(base64.b64decode(response.get("patch", "W10=")))
        assert [at["path"] for at in patch if not PLACES.fullmatch(at["path"])] == []

    with closing(injector.connection()) as connection:
        each()

    assert 'reason="error"' not in injector.page("/metrics")[1]
    record_property("slowest of 1,000 mutated pods", f"{max(seconds) * 1e3:.1f} ms")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", _JSON),
        (b"{}", _JSON),
        (b"[]", _JSON),
        (b"null", _JSON),
        (b"\xff\xfe", _JSON),
        (b"[" * _DEEP + b"]" * _DEEP, _JSON),
        (b'{"request":{"uid":"9f2a","object":' + b"[" * _DEEP + b"]" * _DEEP + b"}}", _JSON),
        (b'{"request":{"uid":"9f2a"},"x":"' + b"x" * MOST_BYTES + b'"}', _JSON),
        (b'{"request":{"uid":"9f2a"}}', {"Content-Type": "text/plain"}),
        (b'{"request":{"uid":"9f2a"}}', {}),
        (b'{"request":{"uid":"9f2a"}}', {**_JSON, "Content-Encoding": "gzip"}),
    ],
    ids=["empty", "object", "list", "null", "binary", "deep", "deep-pod", "large", "text",
         "untyped", "gzip"],
)  # fmt: skip
def test_odd_body_is_answered_with_yes_and_no_change(
    injector: Injector, body: bytes, headers: dict[str, str]
) -> None:
    """A registry is never worth a pod; and the API server ends a question by its uid."""
    with closing(injector.connection()) as connection:
        status, response = _asked(connection, body, headers)

    assert status == http.client.OK
    assert response["allowed"] is True
    assert "patch" not in response
    assert response["uid"] in ("", _UID)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/inject", 405), ("POST", "/", 404), ("PUT", "/inject", 405), ("GET", "//x", 404)],
)
def test_other_requests_are_refused(
    injector: Injector, method: str, path: str, status: int
) -> None:
    """There is one thing to ask."""
    with closing(injector.connection()) as connection:
        connection.request(method, path, b"{}", _JSON)

        assert connection.getresponse().status == status


def test_clients_that_stall_do_not_stop_others(injector: Injector, record_property: Record) -> None:
    """They do not shake hands, or send half a body; each is given up after two seconds."""
    silent = [injector.socket() for _ in range(STALLED)]
    half = [injector.connection() for _ in range(STALLED)]
    for each in half:
        each.putrequest("POST", "/inject")
        each.putheader("Content-Type", "application/json")
        each.putheader("Content-Length", "1000")
        each.endheaders(b'{"request":{"uid":"9f2a"')
    with closing(injector.connection()) as connection:
        begin = time.perf_counter()
        status, response = _asked(connection, _encoded(_review(_pod())))
    took_ms = (time.perf_counter() - begin) * 1e3

    record_property(f"answer beside {STALLED} stalled bodies", f"{took_ms:.0f} ms")
    assert (status, response["allowed"]) == (http.client.OK, True)
    assert "patch" in response
    for each in half:
        answer = json.loads(each.getresponse().read())["response"]
        assert (answer["uid"], answer["allowed"]) == (_UID, True)
        each.close()
    for stalled in silent:
        stalled.close()


def test_questions_under_way_are_answered_after_sigterm(release: Chain) -> None:
    """And new ones, for as long as API servers may not know of its end."""
    ending = release.injector()
    release.injectors.remove(ending)
    until(ending.ready)
    body = _encoded(_review(_pod()))
    under_way, open_, late = (ending.connection() for _ in range(3))
    under_way.putrequest("POST", "/inject")
    under_way.putheader("Content-Type", "application/json")
    under_way.putheader("Content-Length", str(len(body)))
    under_way.endheaders(body[:100])

    ending.process.send_signal(signal.SIGTERM)
    until(lambda: ending.page("/readyz") == (503, "it is stopping\n"))
    under_way.send(body[100:])

    first = under_way.getresponse()
    assert first.getheader("Connection") == "close"
    assert "patch" in json.loads(first.read())["response"]
    assert "patch" in _asked(open_, body)[1]
    assert "patch" in _asked(late, body)[1]
    for each in (under_way, open_, late):
        each.close()
    ending.wait_for_exit()


def _asked(
    connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str] = _JSON
) -> tuple[int, Object]:
    connection.request("POST", "/inject", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text)["response"] if answer.status == http.client.OK else {}


def _review(pod: Object) -> Object:
    request = {
        "uid": _UID,
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "default",
        "operation": "CREATE",
        "object": pod,
    }
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def _pod() -> Object:
    metadata = {
        "name": "orders",
        "labels": {"eurekube.io/inject": "enabled"},
        "annotations": {"eurekube.io/registry": _URL},
    }
    container = {"name": "orders", "image": "orders:1", "ports": [{"containerPort": 8080}]}
    return {"metadata": metadata, "spec": {"containers": [container]}}


def _encoded(document: Object) -> bytes:
    """As JSON; what is nested deeper than its writer can go is cut short, as a list of lists."""
    try:
        return json.dumps(document).encode()
    except RecursionError:
        return json.dumps(_review({"metadata": {}, "spec": {"containers": []}})).encode()
