"""Requests to the API server: one way in, a time limit on each, failures in words.

The dynamic client of `kubernetes.aio` is used without its discovery: group, version and plural of
each kind are known (`core/kinds.py`). That spares requests and a cache file, and an aggregated API
that does not answer cannot stop us.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient

from eureka_operator import __version__
from eureka_operator.core.kinds import Kind, Object

_UNAUTHORIZED: Final = 401
_CONFLICT: Final = 409
_TRANSIENT: Final = (_UNAUTHORIZED, 408, _CONFLICT, 410, 429)
"""Refusals that a later attempt cures: a token that has just expired among them."""
_SERVER_ERROR: Final = 500
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
    `may_write` says so: a leader that lost its Lease has to stop, whatever it is at.
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
        if verb != "get" and not self._may_write():
            raise UnavailableError("not the leader: nothing is written")
        status = 0
        try:
            answer = await self._dynamic.request(
                verb,
                path,
                body=body,
                serializer=lambda _client, document: document,
                _request_timeout=self._timeout,
                **query,
            )
            status = 200
            return cast("Object", answer)
        except ApiException as error:
            status = error.status or 0
            raise failure(status, error.body or "") from error
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
    """What an answer's status and its `Status` document mean."""
    said = _status_document(body)
    message = str(said.get("message") or f"the API server answered {status}")
    reason = str(said.get("reason") or "")
    if status == _CONFLICT and reason == "AlreadyExists":
        return AlreadyThereError(message, status, reason)
    if message.startswith(_UNKNOWN_FIELD):
        return RefusedError(message, status, reason)
    if not 400 <= status < _SERVER_ERROR or _is_transient(status, said):  # noqa: PLR2004
        return UnavailableError(message, status, reason)
    return RefusedError(message, status, reason)


async def configuration(kubeconfig: Path | None) -> Configuration:
    """How to reach the API server: the file, else the pod's service account, else `~/.kube/config`.

    Raises:
        UnavailableError: None of them can be used; the text says why.
    """
    found = Configuration()
    try:
        if kubeconfig is not None:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                str(kubeconfig), client_configuration=found
            )
            return found
        try:
            config.load_incluster_config(found)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                client_configuration=found
            )
    except (config.ConfigException, OSError, ValueError) as error:
        where = kubeconfig or "no service account of a pod, and ~/.kube/config"
        raise UnavailableError(f"no way to the API server: {where}: {error}") from error
    return found


def current_namespace(kubeconfig: Path | None) -> str | None:
    """The namespace that kubectl works in by this file; `None` if it names none."""
    try:
        _, context = config.list_kube_config_contexts(  # type: ignore[no-untyped-call]
            str(kubeconfig) if kubeconfig else None
        )
    except (config.ConfigException, OSError, ValueError):
        return None
    namespace: str | None = context["context"].get("namespace")
    return namespace


def _status_document(body: str | bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _is_transient(status: int, said: dict[str, Any]) -> bool:
    causes = (said.get("details") or {}).get("causes") or ()
    if any(cause.get("field") == "metadata.uid" for cause in causes):
        return True  # an apply that was meant for an object that is gone
    owned = any(cause.get("reason") == "FieldManagerConflict" for cause in causes)
    return status in _TRANSIENT and not owned
