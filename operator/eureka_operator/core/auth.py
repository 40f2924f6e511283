"""Rights at an EurekaCluster's registry: `auth.yaml`, `keys.json`, and the status of both.

Peers prove themselves before anybody is asked to: one that restarts later would be refused by those
that ask already. So each peer says in its pod's annotation how far it is (`Guard`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from eureka_operator.api.cluster import Cluster, Guard
from eureka_operator.api.spec import Auth
from eureka_operator.core import names
from eureka_operator.core.kinds import CONFIG_MAP, Object
from eureka_operator.core.observed import Access, Observed, Trouble

POLICY_FILE: Final = "auth.yaml"
KEYS_FILE: Final = "keys.json"
AUDIENCE: Final = "eureka"
PEER_USER: Final = "peer"
PASSWORD: Final = "password"  # noqa: S105 - the key of a Secret
CREDENTIALS: Final = "credentials"
"""In the Secret of peers: user and password, as the registry reads them."""
USER_NAME: Final = "username"
TOKEN: Final = "token"  # noqa: S105 - likewise

NONE: Final = "None"
BASIC: Final = "Basic"
BEARER: Final = "Bearer"
ACCOUNT: Final = "ServiceAccount"
_EVERYTHING: Final = ["*"]


def needed_keys(auth: Auth) -> tuple[str, ...]:
    """What `spec.auth.secretName` must hold; empty: none is named."""
    return {BASIC: (USER_NAME, PASSWORD), BEARER: (TOKEN,)}.get(auth.type, ())


def names_of(auth: Auth, namespaces: Iterable[Object]) -> dict[str, tuple[str, ...]]:
    """The patterns of names that belong to each namespace that an entry selects."""
    found: dict[str, tuple[str, ...]] = {}
    for namespace in namespaces:
        metadata = namespace["metadata"]
        labels = metadata.get("labels") or {}
        patterns = {
            pattern
            for each in auth.names
            if each.namespace_selector.selects(labels)
            for pattern in each.patterns
        }
        if patterns:
            found[metadata["name"]] = tuple(sorted(patterns))
    return found


def username_trouble(username: str) -> Trouble | None:
    """What is wrong with the name of the one user of Basic."""
    if username == PEER_USER:
        return Trouble("Invalid", "username must not be peer: that is what peers call themselves")
    if not username or ":" in username or not username.isprintable():
        message = "username must be printable, and have no colon: clients send it in front of one"
        return Trouble("Invalid", message)
    return None


def files(observed: Observed) -> dict[str, str]:
    """The files of the ConfigMap; present ones stay while their sources are not known.

    Empty without `spec.auth`. If their sources were never known, only peers may do anything.
    """
    cluster, access = observed.cluster, observed.access
    if guard(cluster) is Guard.OFF:
        return {}
    live = observed.children.get((CONFIG_MAP, names.config_map(cluster.name)))
    before = {
        name: text
        for name, text in ((live or {}).get("data") or {}).items()
        if name in (POLICY_FILE, KEYS_FILE)
    }
    if cluster.spec.auth.type == NONE:
        return before  # until the last peer that asks is replaced
    if (access is None or access.trouble is not None) and POLICY_FILE in before:
        return before
    return _files(cluster.spec.auth, access or Access())


def guard(cluster: Cluster) -> Guard:
    """The step of authentication that peers should have now."""
    if cluster.guard is not None:
        return cluster.guard
    return Guard.OFF if cluster.spec.auth.type == NONE else Guard.ASKS


def _files(auth: Auth, access: Access) -> dict[str, str]:
    policy: dict[str, Any] = {
        "users": {PEER_USER: {"password_file": f"{names.PEER_FOLDER}/{PASSWORD}", "peer": True}},
        "anonymous": {"read": auth.read_only_anonymous},
    }
    folder = names.AUTH_FOLDER
    if auth.type == BASIC and access.username:
        rights = {"password_file": f"{folder}/{PASSWORD}", "applications": _EVERYTHING}
        policy["users"][access.username] = rights
    if auth.type == BEARER and access.trouble is None:
        rights = {"token_file": f"{folder}/{TOKEN}", "applications": _EVERYTHING}
        policy["tokens"] = {"client": rights}
    if auth.type != ACCOUNT or not access.keys:
        return {POLICY_FILE: _text(policy)}
    policy["service_accounts"] = {
        "audience": AUDIENCE,
        "issuers": list(access.issuers),
        "keys_file": KEYS_FILE,
        "names": {namespace: list(found) for namespace, found in sorted(access.names.items())},
    }
    return {POLICY_FILE: _text(policy), KEYS_FILE: access.keys}


def _text(document: Mapping[str, Any]) -> str:
    """JSON, which is YAML, too."""
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
