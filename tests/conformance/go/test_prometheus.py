"""Prometheus' own discovery of targets (`eureka_sd_configs`), which asks one server, in XML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.realclient import RealClient
from processes.cluster import LONG, Cluster, until
from processes.secured import PASSWORD, TOKEN, USER, Secured

META = "__meta_eureka_app_instance_"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three peers."""
    with Cluster() as cluster:
        yield cluster.start()


def test_targets_follow_the_registry(cluster: Cluster, programs: Path) -> None:
    """Labels and addresses; changes made at another peer; a server that dies and comes back."""
    one, two, _ = cluster.peers
    metadata = {"prometheus.port": "9100", "a_b": "x & y"}
    two.register("SHOP", "s-1", leaseInfo=LONG, hostName="shop.example", metadata=metadata)
    until(lambda: cluster.everywhere("SHOP", {"s-1"}))
    block = {"server": one.url.removesuffix("/"), "refresh_interval": "300ms"}
    with RealClient([str(programs / "prometheus")], {"config": json.dumps(block)}) as real:
        (target,) = until(lambda: real.ask("targets"))
        port = two.instance("SHOP", "s-1")["port"]["$"]  # type: ignore[index]
        assert target["__address__"] == f"shop.example:{port}"
        assert target["instance"] == "s-1"
        assert target["__meta_eureka_app_name"] == "SHOP"
        assert target[f"{META}status"] == "UP"
        assert target[f"{META}port_enabled"] == "true"
        assert target[f"{META}datacenterinfo_name"] == "MyOwn"
        assert target[f"{META}metadata_prometheus_port"] == "9100"
        # XStream doubles underscores, and Prometheus takes a value as it is written in XML.
        assert target[f"{META}metadata_a__b"] == "x &amp; y"

        two.ask("PUT", "/apps/SHOP/s-1/status?value=OUT_OF_SERVICE")
        until(lambda: _statuses(real) == {"s-1": "OUT_OF_SERVICE"})
        two.ask("DELETE", "/apps/SHOP/s-1/status?value=UP")
        two.register("SHOP", "s-2", leaseInfo=LONG)
        until(lambda: _statuses(real) == {"s-1": "UP", "s-2": "UP"})

        one.kill()
        two.ask("DELETE", "/apps/SHOP/s-1")
        one.start()
        until(lambda: _statuses(real) == {"s-2": "UP"})


@pytest.mark.parametrize("by", ["basic_auth", "authorization"])
def test_finds_targets_over_tls(closed: Secured, programs: Path, tmp_path: Path, by: str) -> None:
    """What its configuration has for all that speaks HTTP: user and password, or a token."""
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "token").write_text(TOKEN)
    credentials = {
        "basic_auth": {"username": USER, "password_file": str(tmp_path / "password")},
        "authorization": {"credentials_file": str(tmp_path / "token")},
    }
    block = {
        "server": closed.url.removesuffix("/"),
        "refresh_interval": "300ms",
        "tls_config": {"ca_file": closed.authority.path},
        by: credentials[by],
    }
    closed.register("ORDERS-TARGET", "t-1")
    with RealClient([str(programs / "prometheus")], {"config": json.dumps(block)}) as real:
        until(lambda: real.ask("targets"))
        assert _statuses(real) == {"t-1": "UP"}


def _statuses(real: RealClient) -> dict[str, str]:
    targets: list[dict[str, Any]] = real.ask("targets")
    return {each["instance"]: each[f"{META}status"] for each in targets}
