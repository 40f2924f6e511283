from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.api.cluster import Guard
from eureka_operator.api.settings import SETTINGS
from eureka_operator.core.desired.configuration import LIVE, config_map, configuration
from eureka_operator.core.peering import Entry, PeerList, State
from eureka_registry.config.load import load
from eureka_registry.config.table import SETTINGS as REGISTRYS
from support.clusterobjects import GOOD
from unit.operator.core.builders import ENVIRONMENT, EVERYTHING, cluster, url
from unit.operator.core.desired import golden

_PEERS = PeerList(
    7,
    {"eureka-peer-1": "peer1", "eureka-peer-2": "peer2"},
    (Entry("peer1", url(1)), Entry("peer2", url(2), state=State.JOINING)),
)
_CLIENTS = "/etc/eurekube/cluster/client-ca.crt"
_REFERENCES = {("ap", "eureka"): "http://eureka.ap.svc.cluster.local:8761/eureka/"}


def _settings(spec: object, references: dict[tuple[str, str], str] | None = None) -> dict[str, Any]:
    text = configuration(cluster(spec), ENVIRONMENT, references or {}).text
    values: dict[str, Any] = json.loads(text)
    return values


def test_config_map() -> None:
    """What peers mount: settings, and who the peers are."""
    config = configuration(cluster(), ENVIRONMENT, {})
    golden.check("configmap", config_map(cluster(), config, _PEERS))


def test_config_map_has_further_files() -> None:
    """Those of `spec.tls` and `spec.auth`."""
    config = configuration(cluster(), ENVIRONMENT, {})

    data = config_map(cluster(), config, _PEERS, {"auth.json": "{}"})["data"]

    assert data == {"config.json": config.text, "peers.json": _PEERS.text, "auth.json": "{}"}


def test_config_map_with_everything_set() -> None:
    """Every setting that an object can give."""
    config = configuration(cluster(EVERYTHING), ENVIRONMENT, _REFERENCES)
    golden.check("configmap-everything", config_map(cluster(EVERYTHING), config, _PEERS))


@pytest.mark.parametrize("about", GOOD)
def test_registry_takes_every_setting(about: str, tmp_path: Path) -> None:
    """A key that it does not know, or a value that it refuses, would be in every peer's log."""
    file = tmp_path / "config.json"
    file.write_text(configuration(cluster(GOOD[about]), ENVIRONMENT, _REFERENCES).text)

    assert load({}, {}, file).warnings == []


def test_hash_is_the_one_that_peers_report(tmp_path: Path) -> None:
    """Else no peer would ever count as up to date."""
    config = configuration(cluster(), ENVIRONMENT, {})
    file = tmp_path / "config.json"
    file.write_text(config.text)

    assert config.hash == load({}, {}, file).hash
    assert config.hash == hashlib.sha256(config.text.encode()).hexdigest()[:16]


def test_live_settings_are_those_of_the_registry() -> None:
    """A live one that is missing here would restart peers for nothing; one too many, never."""
    wished = _settings(EVERYTHING, _REFERENCES).keys() | {row.setting for row in SETTINGS}

    assert {name for name in wished if REGISTRYS[name].live} == LIVE


@pytest.mark.parametrize("spec", [{"logging": {"level": "DEBUG"}}, {"replicas": 5}])
def test_live_change_restarts_nobody(spec: object) -> None:
    """It is not hashed into the pod template."""
    before, after = (configuration(cluster(each), ENVIRONMENT, {}) for each in ({}, spec))

    assert after.static_hash == before.static_hash


def test_static_change_restarts_peers() -> None:
    """Nothing else would put it into force."""
    before, after = (
        configuration(cluster(each), ENVIRONMENT, {})
        for each in ({}, {"topology": {"region": "eu"}})
    )

    assert after.static_hash != before.static_hash
    assert after.hash != before.hash


def test_own_host_name_is_that_of_the_alias_service() -> None:
    """The peer fills in its name before anybody lists it."""
    host = _settings({})["hostname"].replace("{name}", "peer2")

    assert f"http://{host}:8761/eureka/" == url(2)


def test_region_of_another_cluster_is_left_out_until_it_is_there() -> None:
    """A name that does not exist would be asked for again and again."""
    regions = [
        {"name": "us", "url": "http://us.example.com/eureka"},
        {"name": "ap", "clusterRef": {"name": "eureka"}, "apps": ["A"]},
    ]
    spec = {"registry": {"remoteRegions": regions}}
    before = _settings(spec)
    after = _settings(spec, {("prod", "eureka"): "http://eureka.prod:8761/eureka/"})

    assert before["remote_regions"] == {"us": "http://us.example.com/eureka"}
    assert "remote_region_applications" not in before
    assert after["remote_regions"]["ap"] == "http://eureka.prod:8761/eureka/"
    assert after["remote_region_applications"] == {"ap": ["A"]}


@pytest.mark.parametrize(
    ("tls", "ports"),
    [
        (None, {"port": 8761}),
        ({"mode": "Permissive"}, {"port": 8761, "tls_port": 8443}),
        ({"mode": "Strict"}, {"port": 8443}),
    ],
)
def test_ports_of_plain_and_of_secure_clients(tls: object, ports: dict[str, int]) -> None:
    """`port` speaks HTTPS unless there is another port for it."""
    found = _settings({"tls": tls} if tls else {})

    assert {key: found[key] for key in ("port", "tls_port") if key in found} == ports


@pytest.mark.parametrize(
    ("tls", "file", "demand"),
    [
        ({}, "/etc/eurekube/tls/ca.crt", "optional"),
        ({"clientAuth": "Require"}, "/etc/eurekube/tls/ca.crt", "required"),
        ({"clientAuth": "Request", "caSecretName": "clients"}, _CLIENTS, "optional"),
    ],
)
def test_certificates_of_clients_are_of_the_authorities_that_were_named(
    tls: object, file: str, demand: str
) -> None:
    """Without a name they are of the peers' own; a client needs none unless that is asked for."""
    found = _settings({"tls": tls})

    assert (found["tls_client_ca"], found["tls_client_auth"]) == (file, demand)
    assert found["peer_ca"] == "/etc/eurekube/tls/ca.crt"


@pytest.mark.parametrize(
    ("guard", "files"),
    [
        (Guard.OFF, set()),
        (Guard.PROVES, {"peer_credentials_file"}),
        (Guard.ASKS, {"peer_credentials_file", "auth_file"}),
    ],
)
def test_peers_prove_themselves_before_anybody_is_asked(guard: Guard, files: set[str]) -> None:
    """Else those that ask would refuse those that do not prove themselves yet."""
    owner = replace(cluster({"auth": {"type": "ServiceAccount"}, "tls": {}}), guard=guard)
    found = json.loads(configuration(owner, ENVIRONMENT, {}).text)

    assert {key for key in found if key in ("peer_credentials_file", "auth_file")} == files
