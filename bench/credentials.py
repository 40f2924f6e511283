"""What credentials cost: renewals without any, with a password, with tokens of ServiceAccounts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import machine
from bench.lab import INSTANCES, Lab, NotMeasuredError, mixed, pid_of, plan_peers
from bench.load import Plan
from bench.requests import DIRTY_MS, JSON_GZIP, place, registration, request
from bench.results import Better, Goal, Row
from eureka_registry.local.processes import Process
from support.issuer import ISSUER, Issuer, key_set
from support.secure import basic, bearer

_NAMESPACE: Final = "team-a"
_USER: Final = "orders:orders-password"
_WARM_UP_S: Final = 1.0
_GOAL: Final = Goal(1.5)


class _Kind(msgspec.Struct):
    """Renewals of one kind, and what each cost in CPU (us) in each round."""

    name: str
    peer: Process
    requests: Sequence[bytes]
    costs_us: list[float] = msgspec.field(default_factory=list)


async def credentials(lab: Lab) -> list[Row]:
    """Each kind in turn, several times; every instance has a token of its own, as pods have."""
    count = INSTANCES // 10 if lab.quick else INSTANCES
    with tempfile.TemporaryDirectory(prefix="eurekube-bench-") as folder:
        issuer = Issuer("key-1", "RS256")
        auth_file = _policy(Path(folder), issuer)
        lab.say(f"{count:,} tokens are signed")
        tokens = [bearer(issuer.token(_NAMESPACE, f"service-{n}")) for n in range(count)]
        first, second = plan_peers(2, peers=[])  # apart: nothing is replicated
        second = msgspec.structs.replace(second, auth_file=auth_file)
        async with lab.running([first, second]) as (open_peer, guarded):
            kinds = [
                _Kind("without auth_file", open_peer, _renewals(count, lambda _: {})),
                _Kind("with Basic", guarded, _renewals(count, lambda _: basic(_USER))),
                _Kind(
                    "with a ServiceAccount's token", guarded, _renewals(count, tokens.__getitem__)
                ),
            ]
            await _prepare(lab, kinds, count)
            for number in range(lab.rounds(7, 3)):
                lab.say(f"renewals with and without credentials, round {number + 1}")
                for kind in kinds:
                    kind.costs_us.append(await _cost_us(lab, kind))
    return _rows(kinds, count)


def _policy(folder: Path, issuer: Issuer) -> str:
    """Write what a guarded peer goes by; the path of `auth_file`."""
    (folder / "password").write_text(_USER.partition(":")[2])
    (folder / "keys.json").write_text(key_set(issuer))
    accounts = {"issuers": [ISSUER], "keys_file": "keys.json", "names": {_NAMESPACE: ["SERVICE-*"]}}
    user = {"password_file": "password", "applications": ["SERVICE-*"]}
    path = folder / "auth.json"
    path.write_text(json.dumps({"users": {"orders": user}, "service_accounts": accounts}))
    return str(path)


def _renewals(count: int, headers: Callable[[int], Mapping[str, str]]) -> list[bytes]:
    def renewal(number: int) -> bytes:
        path = f"{place(number).path}?status=UP&lastDirtyTimestamp={DIRTY_MS}"
        return request("PUT", path, {**JSON_GZIP, **headers(number)})

    return mixed(renewal, count)


def _registration(number: int) -> bytes:
    """A registration of an instance that has a namespace, with a password."""
    _, _, body = registration(number).partition(b"\r\n\r\n")
    document = json.loads(body)
    document["instance"]["metadata"]["namespace"] = _NAMESPACE
    headers = {**JSON_GZIP, **basic(_USER)}
    path = place(number).path.rpartition("/")[0]
    return request("POST", path, headers, json.dumps(document).encode())


async def _prepare(lab: Lab, kinds: Sequence[_Kind], count: int) -> None:
    """Register everything at both peers, and let each credential be checked once."""
    for peer in {id(kind.peer): kind.peer for kind in kinds}.values():
        lab.pin_server(peer)
        plan = Plan(peer.settings.port, mixed(_registration, count), total=count)
        await lab.load(plan, 204)
    for kind in kinds:
        await lab.load(Plan(kind.peer.settings.port, list(kind.requests), total=count), 200)


async def _cost_us(lab: Lab, kind: _Kind) -> float:
    plan = Plan(
        kind.peer.settings.port, list(kind.requests), seconds=lab.round_s, warm_up_s=_WARM_UP_S
    )
    pid = pid_of(kind.peer)
    before = machine.cpu_s(pid)
    tally = await lab.load(plan, 200)
    after = machine.cpu_s(pid)
    if before is None or after is None:
        raise NotMeasuredError("the CPU time of a process cannot be read here")
    return (after - before) / sum(tally.statuses.values()) * 1e6


def _rows(kinds: Sequence[_Kind], count: int) -> list[Row]:
    plain, *others = kinds
    note = f"{count:,} instances; CPU of the server"
    rows = [
        Row(f"renewal {kind.name}", "us", Better.LESS, kind.costs_us, note=note) for kind in kinds
    ]
    for kind in others:
        pairs = zip(kind.costs_us, plain.costs_us, strict=True)
        name = f"renewal {kind.name}, beside one without"
        ratios = [cost / without for cost, without in pairs]
        rows.append(Row(name, "times", Better.LESS, ratios, goal=_GOAL, note="pairs of rounds"))
    return rows
