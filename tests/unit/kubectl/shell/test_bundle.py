"""What a report reads, and what of it leaves the cluster."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest

from eureka_operator.shell.client import Client
from kubectl_eureka.shell import bundle
from kubectl_eureka.shell.errors import UsageError
from unit.kubectl.shell.api import Api, cluster, listed

PLANTED: Final = "hunter2-Zq9-planted"
SHOP: Final = "/api/v1/namespaces/shop"
CLUSTERS: Final = "/apis/eurekube.io/v1alpha1/namespaces/shop/eurekaclusters"
URL: Final = f"http://user:{PLANTED}@registry.example/eureka/"


def pod(name: str, *containers: str) -> dict[str, Any]:
    """A pod with a secret in its environment and one in an annotation."""
    variable = {"name": "DB_PASSWORD", "value": PLANTED}
    return {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": name,
            "annotations": {"example.com/note": PLANTED},
        },
        "spec": {"containers": [{"name": each, "env": [variable]} for each in containers]},
        "status": {"containerStatuses": [{"name": containers[0], "restartCount": 1}]},
    }


@pytest.fixture
def api_with_secrets(api: Api) -> Api:
    """An EurekaCluster of one peer, with a secret in every place that is read."""
    document = cluster()
    document["metadata"]["annotations"] = {"eurekube.io/registry": URL}
    place, peer = f"{SHOP}/pods/eureka-peer-1", f"{SHOP}/pods/eureka-peer-1:8763/proxy"
    instance = {"app": "ORDERS", "homePageUrl": URL, "metadata": {"apiKey": PLANTED}}
    apps = {"applications": {"application": [{"name": "ORDERS", "instance": [instance]}]}}
    api.answers = {
        "/version": (200, {"major": "1", "minor": "34"}),
        CLUSTERS: (200, listed(document)),
        f"{SHOP}/pods": (200, listed(pod("eureka-peer-1", "registry"))),
        f"{SHOP}/events": (200, listed({"message": f"password={PLANTED}"})),
        f"{SHOP}/configmaps": (200, listed({"data": {"config.json": f'{{"peer": "{URL}"}}'}})),
        f"{place}/log": (200, f"it was {PLANTED}\nGET {URL}\n"),
        f"{peer}/peers": (200, {"name": "peer1", "peers": [{"url": URL}]}),
        f"{peer}/metrics": (200, f'up{{url="{URL}"}} 1\n'),
        f"{SHOP}/services/peer2:8761/proxy/eureka/apps": (200, apps),
        "/api/v1/pods": (200, listed(pod("operator-1", "operator"))),
        f"{SHOP}/pods/operator-1/log": (200, f"Authorization: Bearer {PLANTED}\n"),
    }
    return api


async def test_no_secret_leaves_the_cluster(api_with_secrets: Api, client: Client) -> None:
    """Whatever is read; Secrets are not even asked for."""
    found = await bundle.gather(client, "shop")
    parts = found.parts()

    assert not [name for name, text in parts.items() if PLANTED in text]
    assert not [each for each in api_with_secrets.asked if "secrets" in each]
    assert {
        "README.txt",
        "notes.txt",
        "status.json",
        "version.json",
        "clusters/shop/eureka/eurekacluster.yaml",
        "clusters/shop/eureka/pods.yaml",
        "clusters/shop/eureka/events.yaml",
        "clusters/shop/eureka/configmaps.yaml",
        "clusters/shop/eureka/apps.json",
        "clusters/shop/eureka/peers/eureka-peer-1.json",
        "clusters/shop/eureka/metrics/eureka-peer-1.txt",
        "clusters/shop/eureka/logs/shop-eureka-peer-1-registry.log",
        "clusters/shop/eureka/logs/shop-eureka-peer-1-registry-previous.log",
        "operator/pods.yaml",
        "operator/logs/shop-operator-1-operator.log",
    } <= parts.keys()
    assert "ORDERS" in parts["clusters/shop/eureka/apps.json"]
    assert json.loads(parts["status.json"])[0]["name"] == "eureka"


async def test_what_cannot_be_read_is_noted(api_with_secrets: Api, client: Client) -> None:
    """The rest is there."""
    for path in (f"{SHOP}/events", f"{SHOP}/pods/eureka-peer-1/log", "/api/v1/pods"):
        del api_with_secrets.answers[path]

    found = await bundle.gather(client, "shop")

    notes = "\n".join(found.notes)
    assert "clusters/shop/eureka: events: not found" in notes
    assert "logs/shop-eureka-peer-1-registry: not found" in notes
    assert "operator: pods: not found" in notes
    assert "clusters/shop/eureka/pods.yaml" in found.parts()


def test_an_archive_is_its_owners_and_replaces_nothing(tmp_path: Path) -> None:
    """It may hold what nobody thought of."""
    path = tmp_path / "report.tar.gz"

    bundle.write(path, "report", {"a/b.txt": "text \ud800"}, mtime_s=1_700_000_000)

    with tarfile.open(path) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.mode, member.mtime) == ("report/a/b.txt", 0o600, 1_700_000_000)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="already"):
        bundle.write(path, "report", {}, mtime_s=0)
    with pytest.raises(UsageError, match="No such file"):
        bundle.write(tmp_path / "none" / "x", "report", {}, mtime_s=0)
