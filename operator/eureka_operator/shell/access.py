"""Reads what `spec.auth` needs: Secrets, keys of the API server's issuer, labels of namespaces.

It also makes and keeps the password with which peers recognise each other.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import auth, names
from eureka_operator.core.desired.common import child
from eureka_operator.core.events import WARNING, about
from eureka_operator.core.kinds import NAMESPACE, SECRET, Object
from eureka_operator.core.observed import Access, Trouble, controller_uid, owner_phrase
from eureka_operator.core.status import is_paused
from eureka_operator.shell.client import RefusedError
from eureka_operator.shell.keypairs import encode_base64, texts_of
from eureka_operator.shell.kube import Kube

_KEYS: Final = "/openid/v1/jwks"
_DISCOVERY: Final = "/.well-known/openid-configuration"
_READ_EVERY_S: Final = 60.0
_MOST_KEYS_BYTES: Final = 512 * 1024
"""A ConfigMap holds 1 MiB; a key has less than 1 KiB."""

_log = logging.getLogger(__name__)


class _Issuer(NamedTuple):
    """The issuer of ServiceAccounts' tokens, and its keys; they are read again after `until`."""

    name: str
    keys: str
    until_s: float


class AccessReader:
    """Reads the access of all clusters; without `may_write` it makes no password."""

    def __init__(
        self,
        kube: Kube,
        *,
        may_write: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._may_write = may_write
        self._clock = clock
        self._issuer: _Issuer | None = None
        self._passwords: dict[str, str] = {}

    async def look(self, cluster: Cluster) -> Access | None:
        """Read what a cluster needs; `None`: it asks nobody for credentials.

        Raises:
            ApiError: The API server does not answer; it is tried again.
        """
        kind = cluster.spec.auth.type
        if kind == auth.NONE:
            return None
        try:
            version = await self._peer_secret(cluster)
            found = await self._read(cluster)
        except _TroubleError as error:
            return Access(trouble=error.trouble)
        except RefusedError as error:
            message = (
                f"what spec.auth needs cannot be read: {error}. Give the operator the rights to"
                " get, create and update secrets, and to list namespaces; the chart does"
            )
            return Access(trouble=Trouble("Forbidden", message))
        return replace(found, version=f"{version} {found.version}")

    def forget(self, uid: str) -> None:
        """Forget a cluster that is gone."""
        self._passwords.pop(uid, None)

    async def _read(self, cluster: Cluster) -> Access:
        wanted = cluster.spec.auth
        if wanted.secret_name is not None:
            return await self._account_access(cluster, wanted.secret_name)
        issuer = await self._issuer_now()
        namespaces = await self._kube.list(NAMESPACE, None, whole=False) if wanted.names else []
        given = auth.names_of(wanted, namespaces)
        return Access(issuers=(issuer.name,), keys=issuer.keys, names=given)

    async def _account_access(self, cluster: Cluster, name: str) -> Access:
        """The contents of the Secret of the one identity; its password or token stays there."""
        secret = await self._kube.get(SECRET, cluster.namespace, name)
        keys = auth.needed_keys(cluster.spec.auth)
        if secret is None:
            message = f"there is no Secret {name}: create it with {' and '.join(keys)}"
            raise _TroubleError("SecretMissing", f"{message}. Running peers keep what they have")
        texts = texts_of(secret)
        missing = [key for key in keys if not texts.get(key)]
        if missing:
            raise _TroubleError("Invalid", f"Secret {name} has no {' and no '.join(missing)}")
        username = texts.get(auth.USER_NAME, "") if auth.USER_NAME in keys else ""
        if auth.USER_NAME in keys and (trouble := auth.username_trouble(username)):
            raise _TroubleError(trouble.reason, f"Secret {name}: {trouble.message}")
        return Access(username=username, version=_version(secret))

    async def _issuer_now(self) -> _Issuer:
        """The issuer, and its keys; those that were read last while they cannot be read."""
        known = self._issuer
        if known is not None and self._clock() < known.until_s:
            return known
        until_s = self._clock() + _READ_EVERY_S
        try:
            discovered = await self._kube.read(_DISCOVERY)
            keys = await self._kube.read(_KEYS)
        except RefusedError as error:
            if known is None:
                raise _TroubleError(
                    "KeysUnknown",
                    f"the keys of ServiceAccounts' tokens cannot be read: {error}. Bind the"
                    " ClusterRole system:service-account-issuer-discovery to the operator's"
                    " ServiceAccount",
                ) from error
            _log.warning("the keys of ServiceAccounts' tokens stay as they are: %s", error)
            self._issuer = known._replace(until_s=until_s)
            return self._issuer
        text = json.dumps(keys, sort_keys=True)
        name = str(discovered.get("issuer", ""))
        if not name or not keys.get("keys") or len(text) > _MOST_KEYS_BYTES:
            message = f"{_DISCOVERY} and {_KEYS} of the API server name no issuer with keys"
            raise _TroubleError("KeysUnknown", message)
        self._issuer = _Issuer(name, text, until_s)
        return self._issuer

    async def _peer_secret(self, cluster: Cluster) -> str:
        """Create the Secret with the peers' password if it is missing; returns its version."""
        name = names.peer_secret(cluster.name)
        secret = await self._kube.get(SECRET, cluster.namespace, name)
        if secret is not None and controller_uid(secret) != cluster.uid:
            raise _TroubleError(
                "NameTaken",
                f"Secret {name} exists and does not belong to this EurekaCluster"
                f" ({owner_phrase(secret, cluster.name)}): delete it",
            )
        texts = texts_of(secret)
        password = texts.get(auth.PASSWORD, "")
        if secret is not None and password and texts == _texts(password):
            self._passwords[cluster.uid] = password
            return _version(secret)
        if not self._may_write or is_paused(cluster):
            return ""
        password = password or self._passwords.get(cluster.uid) or secrets.token_urlsafe(32)
        body = secret or child(cluster, SECRET, name, type="Opaque")
        stored = await self._kube.store(SECRET, body | {"data": encode_base64(_texts(password))})
        if secret is None and cluster.uid in self._passwords:
            message = f"Secret {name} was deleted; it was created again with its former contents"
            await self._kube.post_event(about(cluster), WARNING, "SecretRestored", message)
        self._passwords[cluster.uid] = password
        return _version(stored)


class _TroubleError(Exception):
    """A Secret cannot be used; the text says why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.trouble = Trouble(reason, message)


def _texts(password: str) -> dict[str, str]:
    return {auth.PASSWORD: password, auth.CREDENTIALS: f"{auth.PEER_USER}:{password}"}


def _version(secret: Object) -> str:
    metadata = secret["metadata"]
    return f"{metadata['uid']}/{metadata['resourceVersion']}"
