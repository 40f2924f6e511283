"""What is read for `spec.auth`, and the password of peers."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eureka_operator.api.cluster import Cluster
from eureka_operator.core.observed import Access
from eureka_operator.shell.access import AccessReader
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from support.apiserver import ApiServer
from unit.operator.core.builders import cluster

SECRETS = "/api/v1/namespaces/prod/secrets"
PEER = f"{SECRETS}/eureka-peer"
CLIENTS = f"{SECRETS}/clients"
PASSWORD = "geheim"  # noqa: S105
KEYS = "/openid/v1/jwks"
DISCOVERY = "/.well-known/openid-configuration"
NAMES = [{"namespaceSelector": {"matchLabels": {"team": "shop"}}, "patterns": ["ORDERS*"]}]


def owner(kind: str, **rest: Any) -> Cluster:  # noqa: ANN401 - fields of different types
    """An EurekaCluster with `spec.auth`."""
    return cluster({"auth": {"type": kind, "allowPlaintext": True, **rest}})


BASIC = owner("Basic", secretName="clients")
BEARER = owner("Bearer", secretName="clients")
ACCOUNTS = owner("ServiceAccount")


class Leader:
    """What reads, before an API server."""

    def __init__(self, api: ApiServer, client: Client) -> None:
        self.api = api
        self.client = client
        self.now_s = 1000.0
        self.reader = self.started()

    def started(self, *, may_write: bool = True) -> AccessReader:
        """An operator that knows nothing but what the API server has."""
        return AccessReader(Kube(self.client), may_write=may_write, clock=lambda: self.now_s)

    async def look(self, about: Cluster) -> Access:
        """Look once."""
        found = await self.reader.look(about)
        assert found is not None
        return found

    async def reason(self, about: Cluster) -> str:
        """The word for what is wrong; empty: nothing."""
        found = (await self.look(about)).trouble
        return found.reason if found else ""

    async def give(self, **texts: str) -> None:
        """Have the Secret of the one identity."""
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        await self.api.put(CLIENTS, {"data": data})

    def text(self, key: str) -> str:
        """A text of the peers' Secret."""
        return base64.b64decode(self.api.objects[PEER]["data"][key]).decode()

    def writes(self) -> list[str]:
        """Writes to Secrets so far."""
        return [verb for verb, path, _ in self.api.writes if path.startswith(SECRETS)]


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    """Beside an API server with an issuer of tokens."""
    api = ApiServer()
    api.objects[KEYS] = {"keys": [{"kid": "one"}]}
    api.objects[DISCOVERY] = {"issuer": "https://k8s"}
    async with api.serving() as way, Client(way) as client:
        yield Leader(api, client)


async def test_nobody_is_asked_without_auth(leader: Leader) -> None:
    """Nothing is read or made."""
    assert await leader.reader.look(cluster()) is None
    assert leader.writes() == []


async def test_password_of_peers_is_made_once(leader: Leader) -> None:
    """In the two forms that the registry reads, long enough that nobody guesses it."""
    await leader.look(ACCOUNTS)
    password = leader.text("password")
    assert len(password) == 43
    assert leader.text("credentials") == f"peer:{password}"
    assert leader.api.objects[PEER]["metadata"]["ownerReferences"][0]["uid"] == "the-uid"

    await leader.look(ACCOUNTS)
    leader.reader = leader.started()
    await leader.look(ACCOUNTS)

    assert leader.writes() == ["POST"]
    assert leader.text("password") == password


@pytest.mark.parametrize("key", ["password", "credentials"])
async def test_damaged_password_is_mended(leader: Leader, key: str) -> None:
    """With the one that is left, or known."""
    await leader.look(ACCOUNTS)
    password = leader.text("password")
    del leader.api.objects[PEER]["data"][key]

    await leader.look(ACCOUNTS)

    assert leader.text("credentials") == f"peer:{leader.text('password')}"
    assert leader.text("password") == password


async def test_deleted_password_comes_back(leader: Leader) -> None:
    """Peers that run have it still."""
    await leader.look(ACCOUNTS)
    password = leader.text("password")
    await leader.api.delete(PEER)

    await leader.look(ACCOUNTS)

    assert leader.text("password") == password
    assert any("SecretRestored" in str(each) for each in leader.api.objects.values())


async def test_password_of_somebody_else_is_not_taken(leader: Leader) -> None:
    """It may be known to others."""
    await leader.api.put(PEER, {"data": {}})

    assert await leader.reason(ACCOUNTS) == "NameTaken"
    assert leader.writes() == []


async def test_nothing_is_written_to_only_look(leader: Leader) -> None:
    """`plan --live`, and an EurekaCluster that is paused."""
    leader.reader = leader.started(may_write=False)
    await leader.look(ACCOUNTS)
    leader.reader = leader.started()
    await leader.look(
        cluster({"paused": True, "auth": {"type": "ServiceAccount", "allowPlaintext": True}})
    )

    assert leader.writes() == []


async def test_issuer_and_keys_are_the_api_servers(leader: Leader) -> None:
    """Asked for once a minute, whatever the number of clusters."""
    first = await leader.look(ACCOUNTS)
    assert (first.issuers, first.keys) == (("https://k8s",), '{"keys": [{"kid": "one"}]}')

    leader.api.objects[KEYS] = {"keys": [{"kid": "two"}]}
    assert (await leader.look(ACCOUNTS)).keys == first.keys
    leader.now_s += 61
    assert "two" in (await leader.look(ACCOUNTS)).keys


async def test_keys_stay_while_they_cannot_be_read(leader: Leader) -> None:
    """Tokens are as good as before."""
    first = await leader.look(ACCOUNTS)
    leader.api.refused[KEYS] = 403
    leader.now_s += 61

    assert await leader.look(ACCOUNTS) == first
    leader.reader = leader.started()
    assert await leader.reason(ACCOUNTS) == "KeysUnknown"


@pytest.mark.parametrize("answer", [{}, {"keys": []}])
async def test_issuer_without_keys_is_none(leader: Leader, answer: dict[str, Any]) -> None:
    """Else nobody could get in."""
    leader.api.objects[KEYS] = answer

    assert await leader.reason(ACCOUNTS) == "KeysUnknown"


async def test_namespaces_get_their_names_by_their_labels(leader: Leader) -> None:
    """As they are now."""
    await leader.api.put("/api/v1/namespaces/one", {"metadata": {"labels": {"team": "shop"}}})
    await leader.api.put("/api/v1/namespaces/two", {})

    found = await leader.look(owner("ServiceAccount", names=NAMES))

    assert found.names == {"one": ("ORDERS*",)}


async def test_user_is_read_and_the_password_is_not_kept(leader: Leader) -> None:
    """It goes from the Secret to the peer, by nobody else's hands."""
    await leader.give(username="shop", password=PASSWORD)
    found = await leader.look(BASIC)

    assert (found.username, found.trouble) == ("shop", None)
    assert PASSWORD not in repr(found)
    await leader.give(username="shop", password=PASSWORD[::-1])
    assert (await leader.look(BASIC)).version != found.version


@pytest.mark.parametrize(
    ("about", "texts", "reason"),
    [
        (BASIC, None, "SecretMissing"),
        (BASIC, {"username": "shop"}, "Invalid"),
        (BASIC, {"username": "peer", "password": "x"}, "Invalid"),
        (BEARER, {}, "Invalid"),
        (BEARER, {"token": "x"}, ""),
    ],
)
async def test_secret_of_the_one_identity_is_judged(
    leader: Leader, about: Cluster, texts: dict[str, str] | None, reason: str
) -> None:
    """The condition says what is missing."""
    if texts is not None:
        await leader.give(**texts)

    assert await leader.reason(about) == reason


async def test_missing_right_is_named(leader: Leader) -> None:
    """The rest of the pass goes on."""
    leader.api.refused[SECRETS] = 403

    assert await leader.reason(ACCOUNTS) == "Forbidden"
