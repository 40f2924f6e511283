"""Who may do what: the files that peers get, and how they come to ask without parting."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.api.cluster import Guard
from eureka_operator.core import auth, names
from eureka_operator.core.kinds import CONFIG_MAP, STATEFUL_SET, Object
from eureka_operator.core.observed import Access, Trouble
from unit.operator.core.builders import cluster, observed, own
from unit.operator.core.world import World, settled

CLEAR: dict[str, Any] = {"allowPlaintext": True}
ACCOUNTS = {"auth": {"type": "ServiceAccount", **CLEAR}}
BASIC = {"auth": {"type": "Basic", "secretName": "clients", **CLEAR}}
BEARER = {"auth": {"type": "Bearer", "secretName": "clients", "readOnlyAnonymous": True, **CLEAR}}
KEYS = '{"keys": [{"kid": "one"}]}'
ISSUED = Access(issuers=("https://k8s",), keys=KEYS, names={"b": ("B*",), "a": ("A", "X")})
PEER = {"password_file": "/etc/eurekube/peer/password", "peer": True}


def files(world: World) -> dict[str, str]:
    """What the ConfigMap has besides."""
    data = world.objects[CONFIG_MAP, "eureka-config"]["data"]
    return {key: data[key] for key in data.keys() - {"config.json", "peers.json"}}


def settings(world: World) -> dict[str, Any]:
    """What peers are told."""
    found: dict[str, Any] = json.loads(
        world.objects[CONFIG_MAP, "eureka-config"]["data"]["config.json"]
    )
    return found


def policy(world: World) -> dict[str, Any]:
    """`auth.yaml`."""
    found: dict[str, Any] = json.loads(files(world)["auth.yaml"])
    return found


def started(spec: dict[str, Any], access: Access) -> World:
    """A cluster that begins with it."""
    world = World(spec)
    world.access = access
    world.settle()
    return world


def guards(world: World) -> set[str]:
    """How far peers are."""
    return {world.annotations(name).get(names.GUARD, "") for name in world.peers}


def test_accounts_are_known_by_the_keys_of_the_api_server() -> None:
    """Only peers are users, and nobody reads unless he is known."""
    world = started(ACCOUNTS, ISSUED)

    assert policy(world) == {
        "users": {"peer": PEER},
        "anonymous": {"read": False},
        "service_accounts": {
            "audience": "eureka",
            "issuers": ["https://k8s"],
            "keys_file": "keys.json",
            "names": {"a": ["A", "X"], "b": ["B*"]},
        },
    }
    assert files(world)["keys.json"] == KEYS
    assert settings(world)["auth_file"] == "/etc/eurekube/cluster/auth.yaml"
    assert settings(world)["peer_credentials_file"] == "/etc/eurekube/peer/credentials"
    assert world.condition("AuthReady")["status"] == "True"


def test_user_of_basic_is_the_secrets() -> None:
    """His password stays in it, and only that is mounted."""
    world = started(BASIC, Access(username="shop"))

    rights = {"password_file": "/etc/eurekube/auth/password", "applications": ["*"]}
    assert policy(world)["users"] == {"peer": PEER, "shop": rights}
    assert files(world).keys() == {"auth.yaml"}
    spec = world.objects[STATEFUL_SET, "eureka-peer"]["spec"]["template"]["spec"]
    volumes = {each["name"]: each.get("secret") for each in spec["volumes"]}
    assert volumes["auth"] == {
        "secretName": "clients",
        "items": [{"key": "password", "path": "password"}],
    }
    assert volumes["peer"] == {"secretName": "eureka-peer"}


def test_token_of_bearer_is_the_secrets() -> None:
    """Anybody may read."""
    world = started(BEARER, Access())

    rights = {"token_file": "/etc/eurekube/auth/token", "applications": ["*"]}
    assert policy(world)["tokens"] == {"client": rights}
    assert policy(world)["anonymous"] == {"read": True}


def test_cluster_without_auth_has_nothing_of_it() -> None:
    """Nothing in its pods changes."""
    world = settled()

    assert files(world) == {}
    assert guards(world) == {""}
    assert world.condition("AuthReady") == {}
    assert "peer_credentials_file" not in settings(world)


def test_peers_prove_themselves_before_anybody_asks() -> None:
    """At no moment one asks while another has nothing to show."""
    world = settled()
    world.access = ISSUED
    world.change(ACCOUNTS)
    seen: list[set[str]] = []
    for _ in range(300):
        planned = world.reconcile()
        if not seen or seen[-1] != guards(world):
            seen.append(guards(world))
        world.tick()
        if not planned.steps and world.condition("Ready").get("status") == "True":
            break

    assert {"", "asks"} not in seen
    assert {"", "proves", "asks"} not in seen
    assert seen[0] == {""}
    assert {"proves"} in seen
    assert seen[-1] == {"asks"}


def test_way_back_is_the_same() -> None:
    """Peers that still ask are shown the password until the last one is replaced."""
    world = started(ACCOUNTS, ISSUED)
    before = files(world)
    world.change({"auth": {"type": "None"}})
    seen: list[set[str]] = []
    for _ in range(300):
        planned = world.reconcile()
        if "asks" in guards(world):
            assert "" not in guards(world)
            assert files(world) == before
        seen.append(guards(world))
        world.tick()
        if not planned.steps and world.condition("Ready").get("status") == "True":
            break

    assert seen[-1] == {""}
    assert files(world) == {}


def test_no_password_goes_over_plain_http() -> None:
    """With `spec.tls` peers have certificates first."""
    world = settled()
    world.access = ISSUED
    world.change({"tls": {}, "auth": {"type": "ServiceAccount"}})
    for _ in range(500):
        planned = world.reconcile()
        for name in world.peers:
            guarded = world.annotations(name).get(names.GUARD, "") != ""
            assert not guarded or "https" in world.serves(name)
        if guards(world) != {""}:
            listed = json.loads(world.objects[CONFIG_MAP, "eureka-config"]["data"]["peers.json"])
            assert all(each["url"].startswith("https:") for each in listed["peers"])
        world.tick()
        if not planned.steps and world.condition("Ready").get("status") == "True":
            break

    assert guards(world) == {"asks"}


def test_what_is_not_known_any_more_stays() -> None:
    """A Secret that is gone, an API server that does not answer: nobody is locked out."""
    world = started(ACCOUNTS, ISSUED)
    before = files(world)
    world.access = Access(trouble=Trouble("KeysUnknown", "look"))
    world.reconcile()

    assert files(world) == before
    assert world.condition("AuthReady")["reason"] == "KeysUnknown"
    assert world.condition("Ready")["status"] == "True"
    assert [each.reason for each in world.events if each.type == "Warning"] == ["KeysUnknown"]


def test_settings_change_while_keys_are_not_known() -> None:
    """Only the files of `spec.auth` stay as they are."""
    world = started(ACCOUNTS, ISSUED)
    world.access = Access(trouble=Trouble("KeysUnknown", "look"))
    world.change({"logging": {"level": "DEBUG"}})
    world.reconcile()

    assert settings(world)["log_level"] == "DEBUG"


def test_what_is_known_anew_takes_the_place_of_what_was() -> None:
    """A namespace that has lost a name must lose the right to it."""
    world = started(ACCOUNTS, ISSUED)
    world.access = replace(ISSUED, names={"a": ("A",)})
    world.reconcile()

    assert policy(world)["service_accounts"]["names"] == {"a": ["A"]}


@pytest.mark.parametrize("spec", [ACCOUNTS, BASIC, BEARER])
def test_before_anything_was_asked_what_is_there_stays(spec: dict[str, Any]) -> None:
    """And where nothing is, peers alone are let in."""
    owner = replace(cluster(spec), guard=Guard.ASKS)
    kept = {"auth.yaml": "{}\n", "keys.json": KEYS}
    there = own(CONFIG_MAP, "eureka-config", {"data": {**kept, "config.json": "{}"}})
    fresh = auth.files(observed(owner))

    assert auth.files(observed(owner, there)) == kept
    assert fresh.keys() == {"auth.yaml"}
    assert json.loads(fresh["auth.yaml"])["users"] == {"peer": PEER}


@pytest.mark.parametrize("spec", [ACCOUNTS, BEARER])
def test_user_of_a_secret_counts_for_basic_alone(spec: dict[str, Any]) -> None:
    """The Secret of a token may have a user, too, whose password nobody meant."""
    owner = replace(cluster(spec), guard=Guard.ASKS)
    found = auth.files(observed(owner, access=replace(ISSUED, username="shop")))
    said = json.loads(found["auth.yaml"])

    assert said["users"] == {"peer": PEER}
    assert ("service_accounts" in said) == (spec is ACCOUNTS)


@pytest.mark.parametrize(
    ("spec", "keys"),
    [({}, ()), (ACCOUNTS, ()), (BASIC, ("username", "password")), (BEARER, ("token",))],
)
def test_keys_that_the_secret_of_clients_must_have(
    spec: dict[str, Any], keys: tuple[str, ...]
) -> None:
    """What peers mount of it."""
    assert auth.needed_keys(cluster(spec).spec.auth) == keys


@pytest.mark.parametrize("spec", [ACCOUNTS, BASIC, BEARER])
def test_what_was_never_known_lets_in_nobody_but_peers(spec: dict[str, Any]) -> None:
    """Closed, not open."""
    world = World(spec)
    world.access = Access(trouble=Trouble("SecretMissing", "create it"))
    world.reconcile()

    assert policy(world).keys() == {"users", "anonymous"}
    assert policy(world)["users"] == {"peer": PEER}
    world.tick()
    world.reconcile()
    assert "create it" in world.condition("Degraded")["message"]


def test_changed_secret_is_mounted_at_once() -> None:
    """The kubelet looks at a pod whose annotation changes."""
    world = started(BASIC, Access(username="shop", version="1"))
    world.access = replace(world.access, version="2")

    assert len(world.reconcile().steps) == 3
    assert world.reconcile().steps == ()


def test_names_of_a_namespace_are_those_of_all_entries_that_select_it() -> None:
    """Each once."""
    entries = [
        {"namespaceSelector": {"matchLabels": {"team": "shop"}}, "patterns": ["B", "A"]},
        {
            "namespaceSelector": {
                "matchExpressions": [{"key": "closed", "operator": "DoesNotExist"}]
            },
            "patterns": ["A", "C*"],
        },
    ]
    spec = cluster({"auth": {"type": "ServiceAccount", **CLEAR, "names": entries}}).spec
    namespaces: list[Object] = [
        {"metadata": {"name": "one", "labels": {"team": "shop"}}},
        {"metadata": {"name": "two"}},
        {"metadata": {"name": "none", "labels": {"closed": "true"}}},
    ]

    assert auth.names_of(spec.auth, namespaces) == {"one": ("A", "B", "C*"), "two": ("A", "C*")}


@pytest.mark.parametrize("name", ["", "peer", "a:b", "a\nb"])
def test_name_that_no_client_can_send_is_refused(name: str) -> None:
    """Or that is the peers' own."""
    assert auth.username_trouble(name) is not None
    assert auth.username_trouble("shop") is None


def test_guard_is_as_the_spec_says_unless_peers_are_on_their_way() -> None:
    """`plan -f` shows the end."""
    assert auth.guard(cluster()) is Guard.OFF
    assert auth.guard(cluster(ACCOUNTS)) is Guard.ASKS
    assert auth.guard(replace(cluster(ACCOUNTS), guard=Guard.PROVES)) is Guard.PROVES
