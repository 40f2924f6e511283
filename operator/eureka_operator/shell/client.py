"""Requests to the API server, each with a time limit; failures in words.

The dynamic client of `kubernetes.aio` is used without its discovery: group, version and plural of
each kind are known (`core/kinds.py`). That spares requests and a cache file, and an aggregated API
that does not answer cannot stop us.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient

from eureka_operator import __version__
from eureka_operator.core.kinds import Kind, Object
from eureka_operator.shell import bodies

_UNAUTHORIZED: Final = 401
_CONFLICT: Final = 409
_TRANSIENT: Final = (_UNAUTHORIZED, 408, _CONFLICT, 410, 429)
"""Refusals that a later attempt cures: a token that has just expired among them."""
_SERVER_ERROR: Final = 500
_MOST_EVENT_BYTES: Final = 8 * 1024 * 1024
"""Of one event: an object in etcd is at most 1.5 MiB, in JSON a little more."""
_GRACE_S: Final = 15
"""How long after its limit a watch may last until its connection is taken for dead."""
_UNKNOWN_FIELD: Final = "failed to create typed patch object"
"""How an API server (1.34) answers an apply with a field that is not in the schema: with 500."""


class ApiError(Exception):
    """The API server did not do what was asked; the text is its own sentence where it sent one.

    `status` is the HTTP status, 0 if there was no answer; `reason` the API server's word for it.
    """

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class AlreadyThereError(ApiError):
    """There is an object of this kind and name (409 `AlreadyExists` on a POST)."""


class RefusedError(ApiError):
    """A 4xx that no retry cures: the object, the name or our permissions have to change."""


class UnavailableError(ApiError):
    """No answer, a 5xx, or a refusal that a later attempt cures, such as 429 or a lost race."""


class Client:
    """The API server; a context manager, in one event loop.

    `count` is called with verb and status of each answer, 0 for none. Nothing is written unless
    `may_write` allows it: a leader that lost its Lease must stop at once.
    """

    def __init__(
        self,
        configuration: Configuration,
        timeout_s: float = 10.0,
        *,
        count: Callable[[str, int], None] = lambda _verb, _status: None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._api = ApiClient(configuration)
        self._api.user_agent = f"eureka-operator/{__version__}"
        self._dynamic = DynamicClient(self._api)  # type: ignore[no-untyped-call]
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._count = count
        self._may_write = may_write

    async def __aenter__(self) -> Client:
        """Connections are opened when they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def send(self, verb: str, path: str, body: object = None, **query: object) -> Object:
        """Send one request and read its answer; `query` as `DynamicClient.request` names it.

        Raises:
            AlreadyThereError, RefusedError, UnavailableError: as they say.
        """
        self._check_may_send(verb)
        async with self._count_request(verb):
            answer = await self._dynamic.request(
                verb,
                path,
                body=body,
                serializer=lambda _client, document: document,
                _request_timeout=self._timeout,
                **query,
            )
            return cast("Object", answer)

    async def fetch(
        self, verb: str, path: str, accept: str, most_bytes: int, **query: object
    ) -> tuple[bytes, str]:
        """Send one request; returns the body of its answer as it is, and its header `Date`.

        Raises:
            RefusedError, UnavailableError: as they say; the second if the body is larger than that.
        """
        self._check_may_send(verb)
        async with self._count_request(verb):
            answer = await self._dynamic.request(
                verb,
                path,
                serialize=False,
                header_params={"Accept": accept},
                _request_timeout=self._timeout,
                **query,
            )
            body = await bodies.read(answer, most_bytes)
            if body is None:
                raise UnavailableError(f"{path} answers with more than {most_bytes:,} bytes")
            return body, str(answer.headers.get("Date", ""))

    async def watch(self, path: str, limit_s: int, **query: object) -> AsyncIterator[Object]:
        """Yield a watch's events, as they come, until the API server ends it after `limit_s`.

        An event has a `type` and an `object`; one of type `ERROR` is raised instead.

        Raises:
            RefusedError, UnavailableError: as they say; 410: what came since is not known any more.
        """
        async with self._count_request("watch"):
            timeout = aiohttp.ClientTimeout(
                sock_connect=self._timeout.total, sock_read=limit_s + _GRACE_S
            )
            answer = await self._dynamic.request(
                "get",
                path,
                serialize=False,
                watch=True,
                timeout_seconds=limit_s,
                _request_timeout=timeout,
                **query,
            )
            try:
                async for event in _events(answer):
                    yield event
            finally:
                answer.close()

    def _check_may_send(self, verb: str) -> None:
        if verb != "get" and not self._may_write():
            raise UnavailableError("not the leader: nothing is written")

    @asynccontextmanager
    async def _count_request(self, verb: str) -> AsyncIterator[None]:
        """Count the result of the block, and put its failures into words."""
        status = 0
        try:
            yield
            status = 200
        except ApiException as error:
            status = error.status or 0
            raise failure(status, error.body or "") from error
        except ApiError as error:
            status = error.status
            raise
        except TimeoutError as error:
            limit = f"{self._timeout.total:g} s"
            raise UnavailableError(f"the API server did not answer within {limit}") from error
        except (aiohttp.ClientError, OSError, ValueError, config.ConfigException) as error:
            raise UnavailableError(f"the API server cannot be reached: {error}") from error
        finally:
            self._count(verb, status)


def path_of(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    """The URL path of an object, or of all of a kind; namespace `None`: in all namespaces."""
    return "/".join(
        (
            f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}",
            *(("namespaces", namespace) if namespace else ()),
            kind.plural,
            *((name,) if name else ()),
            *((subresource,) if subresource else ()),
        )
    )


def failure(status: int, body: str | bytes) -> ApiError:
    """The error that an answer's status and its `Status` document mean."""
    document = _status_document(body)
    message = str(document.get("message") or f"the API server answered {status}")
    reason = str(document.get("reason") or "")
    if status == _CONFLICT and reason == "AlreadyExists":
        return AlreadyThereError(message, status, reason)
    if message.startswith(_UNKNOWN_FIELD):
        return RefusedError(message, status, reason)
    if not 400 <= status < _SERVER_ERROR or _is_transient(status, document):  # noqa: PLR2004
        return UnavailableError(message, status, reason)
    return RefusedError(message, status, reason)


async def configuration(kubeconfig: Path | None, context: str | None = None) -> Configuration:
    """How to reach the API server: the file, else the pod's service account, else `~/.kube/config`.

    Args:
        kubeconfig: several with `:` between them are merged, as kubectl does.
        context: of the file; `None`: its current one.

    Raises:
        UnavailableError: None of them can be used; the text says why.
    """
    found = Configuration()
    try:
        if kubeconfig is not None:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                str(kubeconfig), context=context, client_configuration=found
            )
            return found
        try:
            config.load_incluster_config(found)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                context=context, client_configuration=found
            )
    except (config.ConfigException, OSError, ValueError) as error:
        where = kubeconfig or "no service account of a pod, and ~/.kube/config"
        raise UnavailableError(f"no way to the API server: {where}: {error}") from error
    return found


def current_namespace(kubeconfig: Path | None, context: str | None = None) -> str | None:
    """The namespace that kubectl works in by this file; `None` if it names none."""
    try:
        contexts, current = config.list_kube_config_contexts(  # type: ignore[no-untyped-call]
            str(kubeconfig) if kubeconfig else None
        )
    except (config.ConfigException, OSError, ValueError):
        return None
    wanted = [each for each in contexts if each["name"] == context] if context else [current]
    namespace: str | None = wanted[0]["context"].get("namespace") if wanted else None
    return namespace


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    """Yield what a watch sends, one JSON document a line; an aiohttp line may be too short."""
    line = bytearray()
    async for chunk in answer.content.iter_any():
        line += chunk
        *complete, rest = line.split(b"\n")
        line = bytearray(rest)
        if len(line) > _MOST_EVENT_BYTES:
            raise UnavailableError(f"an event of a watch is larger than {_MOST_EVENT_BYTES} bytes")
        for each in complete:
            event = json.loads(each)
            if event["type"] == "ERROR":
                raise failure(int(event["object"].get("code") or 0), json.dumps(event["object"]))
            yield event


def _status_document(body: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_transient(status: int, document: dict[str, Any]) -> bool:
    causes = (document.get("details") or {}).get("causes") or ()
    if any(cause.get("field") == "metadata.uid" for cause in causes):
        return True  # an apply that was meant for an object that is gone
    owned = any(cause.get("reason") == "FieldManagerConflict" for cause in causes)
    return status in _TRANSIENT and not owned
