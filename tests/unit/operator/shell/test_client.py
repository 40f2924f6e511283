"""What an answer of the API server means."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from kubernetes.aio.client import Configuration

from eureka_operator.core.kinds import CLUSTER, SERVICE
from eureka_operator.shell.client import (
    AlreadyThereError,
    ApiError,
    Client,
    RefusedError,
    UnavailableError,
    configuration,
    failure,
    path_of,
)


def status(reason: str = "", message: str = "a sentence", **details: object) -> str:
    """A `Status` document."""
    return json.dumps({"reason": reason, "message": message, "details": details})


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (409, "AlreadyExists", AlreadyThereError),
        (409, "Conflict", UnavailableError),
        (400, "BadRequest", RefusedError),
        (403, "Forbidden", RefusedError),
        (404, "NotFound", RefusedError),
        (422, "Invalid", RefusedError),
        (401, "Unauthorized", UnavailableError),
        (410, "Expired", UnavailableError),
        (429, "TooManyRequests", UnavailableError),
        (500, "InternalError", UnavailableError),
        (503, "ServiceUnavailable", UnavailableError),
        (302, "", UnavailableError),
    ],
)
def test_status_says_whether_a_retry_cures(code: int, reason: str, kind: type[ApiError]) -> None:
    """And the text is the API server's own."""
    error = failure(code, status(reason))

    assert type(error) is kind
    assert (str(error), error.status, error.reason) == ("a sentence", code, reason)


def test_unknown_field_is_refused_though_the_answer_is_500() -> None:
    """No retry cures a typo in a free-form part of the spec."""
    said = "failed to create typed patch object (a/b; v1, Kind=Pod): .x: field not declared"
    body = json.dumps({"kind": "Status", "message": said, "reason": "InternalError"})

    assert type(failure(500, body)) is RefusedError


def test_field_of_another_manager_is_no_race() -> None:
    """A retry without force meets the same manager."""
    cause = {"reason": "FieldManagerConflict", "field": ".data.one"}

    assert type(failure(409, status("Conflict", causes=[cause]))) is RefusedError


def test_object_with_another_uid_is_a_race() -> None:
    """Deleted and made again since we looked; the next look finds the new one."""
    cause = {"reason": "FieldValueInvalid", "field": "metadata.uid"}

    assert type(failure(422, status("Invalid", causes=[cause]))) is UnavailableError


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"details": null}'])
def test_answer_without_a_status_document_says_its_number(body: str) -> None:
    """A proxy's, for one."""
    assert str(failure(502, body)) == "the API server answered 502"


def test_paths() -> None:
    """The core group has a place of its own."""
    assert path_of(SERVICE, "prod", "eureka") == "/api/v1/namespaces/prod/services/eureka"
    assert path_of(SERVICE, None) == "/api/v1/services"
    assert path_of(CLUSTER, "prod", "eureka", "status") == (
        "/apis/eurekube.io/v1alpha1/namespaces/prod/eurekaclusters/eureka/status"
    )


async def test_api_server_that_is_away_is_unavailable() -> None:
    """A sentence, not an exception of the transport's; it is counted as no answer."""
    counted = []
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with Client(at(address), count=lambda *answer: counted.append(answer)) as client:
            with pytest.raises(UnavailableError, match="the API server cannot be reached"):
                await client.send("get", "/api/v1")

    assert counted == [("get", 0)]


async def test_api_server_that_does_not_answer_is_given_up() -> None:
    """A request that hangs must not hold the Lease's."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Client(at(address), timeout_s=0.05) as client:
            with pytest.raises(UnavailableError, match=r"did not answer within 0\.05 s"):
                await client.send("get", "/api/v1")


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_answer_that_is_no_document_is_unavailable(kind: str) -> None:
    """A proxy's page with status 200."""

    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<html>", content_type=kind)

    async with RawTestServer(page) as server, Client(at(str(server.make_url("")))) as client:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await client.send("get", "/api/v1")


async def test_events_of_a_watch_come_one_by_one() -> None:
    """However the network cuts them; the last one of a watch that failed is its failure."""
    gone = {"code": 410, "reason": "Expired", "message": "too old"}
    events = [{"type": "ADDED", "object": {"a": 1}}, {"type": "ERROR", "object": gone}]
    text = "".join(json.dumps(event) + "\n" for event in events).encode()

    async def page(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for start in range(0, len(text), 7):
            await answer.write(text[start : start + 7])
        return answer

    counted = []
    async with (
        RawTestServer(page) as server,
        Client(at(str(server.make_url(""))), count=lambda *one: counted.append(one)) as client,
    ):
        watch = aiter(client.watch("/api/v1/pods", 60))
        assert await anext(watch) == events[0]
        with pytest.raises(UnavailableError, match="too old"):
            await anext(watch)

    assert counted == [("watch", 410)]


async def test_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The flag may be misspelt."""
    path = tmp_path / "kubeconfig"

    with pytest.raises(UnavailableError, match=str(path)):
        await configuration(path)


def at(address: str) -> Configuration:
    """How to reach an API server there."""
    found = Configuration()
    found.host = address.rstrip("/")
    return found
