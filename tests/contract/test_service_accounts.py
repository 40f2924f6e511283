"""Services that own their names by their ServiceAccount: no way leads into another's instance."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.http.guard import Guard
from eureka_registry.http.rules import Rule
from support.issuer import ISSUER, Issuer, key_set
from support.secure import PEER, Secure, basic, bearer, policy, secured, write, write_policy
from support.server import DIRTY, REPLICATION, Response, document, request

KEY: Final = Issuer()
TEAM_A: Final = "team-a"
TEAM_B: Final = "team-b"
TYPED: Final = {"Content-Type": "application/json"}


def accounts(**changes: object) -> dict[str, object]:
    """The section of `auth_file`."""
    return {
        "audience": "eureka",
        "issuers": [ISSUER],
        "keys_file": "keys.json",
        "names": {TEAM_A: ["ORDERS*"], TEAM_B: ["BILLING"]},
        **changes,
    }


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """The policy of the tests, with ServiceAccounts."""
    path = write_policy(tmp_path)
    write(path, json.dumps(policy(service_accounts=accounts())))
    write(tmp_path / "keys.json", key_set(KEY))
    return path


@pytest.fixture
async def guarded(auth_file: Path) -> AsyncIterator[Secure]:
    """A peer with that policy, and an instance of team-a in it."""
    async with secured(auth_file=str(auth_file)) as peer:
        answer = await peer.post(of(TEAM_A), "ORDERS", account(TEAM_A))
        assert answer.status == 204, answer.body
        yield peer


def of(namespace: str | None, app: str = "ORDERS", instance_id: str = "i1", **fields: Any) -> Any:  # noqa: ANN401
    """A document as the sidecar of a namespace writes it."""
    metadata = {} if namespace is None else {"namespace": namespace}
    return document(app, instance_id, metadata=metadata, vipAddress=app.lower(), **fields)


def account(namespace: str, issuer: Issuer = KEY, **claims: object) -> dict[str, str]:
    """The header of a namespace's ServiceAccount."""
    return bearer(issuer.token(namespace, **claims))


def state(peer: Secure) -> object:
    """What of team-a's instance nobody else may touch: its document, its lease, its override."""
    lease = peer.node.registry.lease("ORDERS", "i1")
    assert lease is not None
    return lease.instance, lease.renewed_at_ms, lease.override


WAYS: Final = {
    "register": ("POST", "/apps/ORDERS", of(TEAM_B)),
    "register as team-a": ("POST", "/apps/ORDERS", of(TEAM_A, lastDirtyTimestamp=DIRTY + 1)),
    "register without a namespace": ("POST", "/apps/ORDERS", of(None)),
    "register beside it": ("POST", "/apps/ORDERS", of(TEAM_B, instance_id="i2")),
    "register its VIP address": (
        "POST", "/apps/BILLING", of(TEAM_B, "BILLING", secureVipAddress="x,Orders")),
    "renew": ("PUT", "/apps/ORDERS/i1", None),
    "renew with a status": ("PUT", f"/apps/ORDERS/i1?status=UP&lastDirtyTimestamp={DIRTY}", None),
    "renew by another spelling": ("PUT", "//V2///apps/%6Frders/i%31", None),
    "renew in small letters": ("PUT", "/apps/orders/i1", None),
    "cancel": ("DELETE", "/apps/ORDERS/i1", None),
    "cancel in small letters": ("DELETE", "/v2/apps/orders/i1/", None),
    "pause": ("PUT", "/apps/ORDERS/i1/status?value=OUT_OF_SERVICE", None),
    "clear an override": ("DELETE", "/apps/ORDERS/i1/status?value=DOWN", None),
    "add metadata": ("PUT", "/apps/ORDERS/i1/metadata?a=b", None),
    "rename": ("PUT", "/apps/ORDERS/i1/metadata?namespace=team-b", None),
    "post to the instance": ("POST", "/apps/ORDERS/i1", of(TEAM_B)),
    "batch": ("POST", "/peerreplication/batch/", {"replicationList": []}),
    "renew as a peer": ("POST", "/peerreplication/renewals/", {}),
    "an invented method": ("PATCH", "/apps/ORDERS/i1", None),
}  # fmt: skip


async def attempt(peer: Secure, way: tuple[str, str, object], headers: dict[str, str]) -> Response:
    """One request."""
    method, path, content = way
    body = None if content is None else json.dumps(content).encode()
    return await peer.ask(method, f"/eureka{path}", TYPED | headers, body)


GIVEN: Final = {
    "to each": {TEAM_A: ["ORDERS*"], TEAM_B: ["BILLING"]},
    "to nobody": {},
    "to both": {TEAM_A: ["*"], TEAM_B: ["*"]},
}
BOTH_MAY: Final = ("register beside it", "register its VIP address")
"""With a name that both were given, an instance of one's own may be beside another's."""


NO_METHOD: Final = ("post to the instance", "an invented method")
"""There is no such method: 405, unless the name is another's."""


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("way", WAYS)
async def test_another_namespace_comes_into_no_instance(
    guarded: Secure, auth_file: Path, way: str, given: str
) -> None:
    """With a right token of its own, also as if it were a peer: refused, and nothing has changed.

    Whomever the name was given to.
    """
    if (given == "to both" and way in BOTH_MAY) or (given != "to each" and way in NO_METHOD):
        return
    names = accounts(names=GIVEN[given])
    write(auth_file, json.dumps(policy(service_accounts=names)))
    guarded.look_at_files()
    before = state(guarded)
    for headers in (account(TEAM_B), account(TEAM_B) | REPLICATION):
        answer = await attempt(guarded, WAYS[way], headers)
        assert answer.status == 403
        reason = answer.headers["x-eurekube-reason"]
        assert reason.startswith("system:serviceaccount:team-b:orders may not ")
        assert "(rule " in reason

    assert state(guarded) == before
    assert guarded.node.registry.size == 1
    assert sum(guarded.node.counters.refused.values()) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_without_a_right_token_nobody_does_anything(guarded: Secure, way: str) -> None:
    """None, one that has expired, for another audience, of another cluster, forged: 401 each."""
    before = state(guarded)
    good = KEY.token(TEAM_A)
    bad: list[dict[str, str]] = [
        {},
        account(TEAM_A, exp=int(time.time()) - 1),
        account(TEAM_A, aud=["https://kubernetes.default.svc"]),
        account(TEAM_A, iss="https://other.cluster"),
        account(TEAM_A, Issuer()),
        account(TEAM_A, Issuer("key-9")),
        bearer(good[:-6] + "AAAAAA"),
        {"Authorization": f"Basic {good}"},
        {"Authorization": good},
    ]
    for headers in bad:
        answer = await attempt(guarded, WAYS[way], headers)
        assert answer.status == 401, headers

    assert state(guarded) == before


async def test_why_a_token_is_not_taken_is_told(guarded: Secure) -> None:
    """As RFC 6750 has it; the log names whose it was, if its signature proves that."""
    for headers, why, who in (
        (account(TEAM_B, exp=1), "the token has expired", "system:serviceaccount:team-b:orders"),
        (account(TEAM_B, aud="x"), "the token is not for the audience eureka",
         "system:serviceaccount:team-b:orders"),
        (account(TEAM_B, Issuer()), "the token's signature is wrong", "unproven"),
    ):  # fmt: skip
        for _ in range(2):
            answer = await guarded.get("/apps", **headers)
            challenge = f'error="invalid_token", error_description="{why}"'
            assert answer.headers["www-authenticate"] == f'Bearer realm="eureka", {challenge}'
        guard = guarded.peer._guard
        assert guard is not None
        last = list(guard._policy.refused.values())[-1]
        assert (last.why, last.who or "unproven") == (why, who)


async def test_an_account_does_all_that_a_client_does(guarded: Secure) -> None:
    """With its own instances, of a name that was given to it or to nobody; and it reads."""
    for app in ("ORDERS", "ORDERS-EU", "FREE"):
        headers, place = account(TEAM_A), f"/apps/{app.lower()}/i7"
        statuses = [
            (await guarded.post(of(TEAM_A, app, "i7"), app, headers)).status,
            (await guarded.put(place, headers)).status,
            (await guarded.put(place, headers)).status,
            (await guarded.put(f"{place}/status?value=OUT_OF_SERVICE", headers)).status,
            (await guarded.delete(f"{place}/status", headers)).status,
            (await guarded.put(f"{place}/metadata?a=b&namespace=team-a", headers)).status,
            (await guarded.get(place, **headers)).status,
            (await guarded.post(of(TEAM_A, app, "i7"), app, headers)).status,
            (await guarded.delete(place, headers)).status,
            (await guarded.put(place, headers)).status,
        ]
        assert statuses == [204, 200, 200, 200, 200, 200, 200, 204, 200, 404]


async def test_an_instance_does_not_move_to_another_namespace(guarded: Secure) -> None:
    """Not by its owner either: it could be planted on others, and would be theirs then."""
    before = state(guarded)
    for namespace in (TEAM_B, ""):
        place = f"/apps/ORDERS/i1/metadata?a=b&namespace={namespace}"
        answer = await guarded.put(place, account(TEAM_A))
        assert answer.status == 403
        assert "(rule namespace)" in answer.body.decode()

    assert state(guarded) == before


async def test_a_name_is_of_whoever_held_it_first_while_it_has_a_lease(guarded: Secure) -> None:
    """Then it is free; a name that somebody without a namespace holds is not."""
    in_turn = [
        (await guarded.post(of(TEAM_A, "FREE", "a1"), "FREE", account(TEAM_A))).status,
        (await guarded.post(of(TEAM_B, "FREE", "b1"), "FREE", account(TEAM_B))).status,
        (await guarded.post(of(TEAM_A, "FREE", "a2"), "FREE", account(TEAM_A))).status,
        (await guarded.delete("/apps/FREE/a1", account(TEAM_A))).status,
        (await guarded.post(of(TEAM_B, "FREE", "b1"), "FREE", account(TEAM_B))).status,
        (await guarded.delete("/apps/FREE/a2", account(TEAM_A))).status,
        (await guarded.post(of(TEAM_B, "FREE", "b1"), "FREE", account(TEAM_B))).status,
    ]
    file = basic("file:file-Pa55word")
    old = [
        (await guarded.post(of(None, "OLD", "o1"), "OLD", file)).status,
        (await guarded.post(of(TEAM_A, "OLD", "o2"), "OLD", account(TEAM_A))).status,
    ]

    assert in_turn == [204, 403, 204, 200, 403, 200, 204]
    assert old == [204, 403]


async def test_of_two_that_held_a_name_at_once_the_later_one_ends(guarded: Secure) -> None:
    """A peer was told of another while this one was: its renewals are refused, so it ends."""
    own = of(TEAM_A, "FREE", "a1")
    assert (await guarded.post(own, "FREE", account(TEAM_A))).status == 204
    later = of(TEAM_B, "FREE", "b1")["instance"]
    told = {"appName": "FREE", "id": "b1", "action": "Register", "lastDirtyTimestamp": DIRTY,
            "status": "UP", "instanceInfo": later}  # fmt: skip
    assert (await guarded.batch(told, **basic(PEER))).json["responseList"][0]["statusCode"] == 200
    loser = await guarded.put("/apps/FREE/b1", account(TEAM_B))

    assert loser.status == 403
    assert loser.body == b""  # Java reads any body as an instance
    assert "is held by namespace 'team-a' (rule held)" in loser.headers["x-eurekube-reason"]
    assert (await guarded.put("/apps/FREE/a1", account(TEAM_A))).status == 200
    assert (await guarded.post(own, "FREE", account(TEAM_A))).status == 204


async def test_rights_that_are_taken_away_are_gone_at_once(
    guarded: Secure, auth_file: Path
) -> None:
    """On the fast lane, too: what is remembered is who asks, and not what he may do."""
    assert {await renewal(guarded) for _ in range(3)} == {200}
    taken = accounts(names={TEAM_B: ["ORDERS"]})
    write(auth_file, json.dumps(policy(service_accounts=taken)))
    guarded.look_at_files()

    assert await renewal(guarded) == 403
    assert (
        await guarded.post(of(TEAM_B, instance_id="b"), "ORDERS", account(TEAM_B))
    ).status == 204


async def renewal(peer: Secure) -> int:
    """The status of a renewal of team-a's."""
    return (await peer.put("/apps/ORDERS/i1", account(TEAM_A))).status


async def test_keys_are_changed_while_everything_runs(guarded: Secure, auth_file: Path) -> None:
    """New ones count at once, tokens of a key that is gone do not; a damaged file is nothing."""
    new, keys = Issuer("key-2", "RS256"), auth_file.parent / "keys.json"
    old_token, new_token = KEY.token(TEAM_A), new.token(TEAM_A)
    seen = []
    for text in (None, key_set(KEY, new), "{", key_set(new)):
        if text is not None:
            write(keys, text)
            guarded.look_at_files()
        seen.append(
            [
                (await guarded.put("/apps/ORDERS/i1", bearer(token))).status
                for token in (old_token, old_token, new_token, new_token)
            ]
        )

    assert seen == [[200, 200, 401, 401], [200] * 4, [200] * 4, [401, 401, 200, 200]]


async def test_a_token_ends_in_the_middle_of_a_connection(guarded: Secure) -> None:
    """What was checked is remembered until then and no longer."""
    guard = guarded.peer._guard
    assert guard is not None
    now_s = time.time()
    token = bearer(KEY.token(TEAM_A, exp=int(now_s) + 100))
    renewing = request("PUT", "/eureka/apps/ORDERS/i1", token)
    statuses = []
    async with await guarded.connect() as wire:
        for passed_s in (0, 0, 0, 99, 101):
            guard._now_s = lambda at=now_s + passed_s: at  # type: ignore[misc]
            await wire.send(renewing)
            statuses.append((await wire.response()).status)

    assert statuses == [200, 200, 200, 200, 401]


async def test_a_token_is_checked_once(guarded: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right or wrong; renewals of those who are known never see the parser."""
    guard = guarded.peer._guard
    assert guard is not None
    accounts_of = guard._policy.accounts
    assert accounts_of is not None
    checked: list[bytes] = []
    real = accounts_of.verifier.verify

    def counted(token: bytes, now_s: float) -> object:
        checked.append(token)
        return real(token, now_s)

    monkeypatch.setattr(accounts_of.verifier, "verify", counted)
    right, wrong = KEY.token(TEAM_A, "a"), KEY.token(TEAM_A, exp=1)
    for token, status in ((right, 200), (wrong, 401)):
        for _ in range(3):
            assert (await guarded.put("/apps/ORDERS/i1", bearer(token))).status == status
    before = guarded.server.requests_count
    assert (await guarded.put("/apps/ORDERS/i1", bearer(right))).status == 200

    assert checked == [right.encode(), wrong.encode()]
    assert guarded.server.requests_count == before


async def test_what_is_remembered_of_tokens_is_bounded(
    guarded: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go; they are checked again."""
    monkeypatch.setattr("eureka_registry.http.guard._MOST_KNOWN", 3)
    monkeypatch.setattr("eureka_registry.http.guard._MOST_REFUSED", 3)
    for number in range(6):
        name = f"n{number}"
        assert (await guarded.get("/apps", **bearer(KEY.token(TEAM_A, name)))).status == 200
        assert (await guarded.get("/apps", **bearer(KEY.token(TEAM_A, name, exp=1)))).status == 401
    guard = guarded.peer._guard
    assert guard is not None

    assert len(guard._policy.known) == len(guard._policy.refused) == 3
    assert await renewal(guarded) == 200


async def test_refusals_of_accounts_are_written_down_without_the_token(
    guarded: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    """Who, what, which instance, which rule, from where."""
    caplog.set_level(logging.DEBUG)
    token = KEY.token(TEAM_B)
    await guarded.post(of(TEAM_B), "ORDERS", bearer(token))
    await guarded.delete("/apps/ORDERS/i1", bearer(token))
    await guarded.post(of(TEAM_A, "BILLING", "x"), "BILLING", bearer(token))
    lines = [r.getMessage() for r in caplog.records if "request refused" in r.getMessage()]

    who = "request refused who=system:serviceaccount:team-b:orders"
    assert lines == [
        f"{who} verb=register app='ORDERS' id='' rule=given from=127.0.0.1",
        f"{who} verb=cancel app='ORDERS' id='i1' rule=given from=127.0.0.1",
        f"{who} verb=register app='BILLING' id='x' rule=namespace from=127.0.0.1",
    ]
    assert guarded.node.counters.refused == {Rule.GIVEN: 2, Rule.NAMESPACE: 1}
    for part in token.split("."):
        assert part not in caplog.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"keys_file": "missing.json"}, "no such file"),
        ({"issuers": []}, "issuers"),
        ({"audience": ""}, "audience"),
        ({"audience": 'a"b'}, "audience"),
        ({"more": 1}, "unknown field"),
    ],
)
async def test_no_start_with_a_section_that_cannot_be_used(
    auth_file: Path, changes: dict[str, object], said: str
) -> None:
    """Better no peer than one that trusts nobody, or everybody."""
    write(auth_file, json.dumps(policy(service_accounts=accounts(**changes))))
    with pytest.raises(ConfigurationError, match=said):
        Guard(str(auth_file))
