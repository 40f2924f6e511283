"""The dashboard of peers in three zones in a real browser: forwarded, and behind a prefix.

With EUREKUBE_REWRITE=1 (`make screenshots`) its pictures go to `docs/images`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from browser.devtools import Browser, Page, installed
from browser.proxies import proxy
from browser.test_pages import click
from cluster.images import ROOT
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.injection.registered import instances
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import ask, document, until
from support.builds import NotBuiltError

ZONES: Final = ("zone-1", "zone-2", "zone-3")
FLEET: Final = {"BILLING": 3, "CATALOG": 6, "GATEWAY": 2, "ORDERS": 4, "PAYMENTS": 3, "SHIPPING": 2}
"""Applications, and how many instances of each are registered."""
DOWN: Final = "shipping-2"
LEASE: Final = {"renewalIntervalInSecs": 300, "durationInSecs": 900}
PREFIX: Final = "/tools/eureka"
IMAGES: Final = ROOT / "docs" / "images"
UNAVAILABLE: Final = "document.querySelectorAll('#replicas td [data-status=DOWN]').length"
"""How often a peer is unavailable to another one."""
WIDTH, HEIGHT = 1280, 900
MOST_BYTES: Final = 200_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    try:
        folder = installed()
    except NotBuiltError as error:
        not_run("e2e of the dashboard", str(error))
    with Browser(folder) as browser:
        yield browser


@pytest.fixture(scope="module")
def cluster(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """A peer in each zone, and a fleet that is registered."""
    if target.faults is None:
        not_run("e2e of the dashboard", "it takes a zone away, which only tests.cluster's can bear")
    with target.kubectl.in_a_namespace("dashboard") as kubectl:
        cluster = EkcCluster(kubectl)
        zones = [{"name": zone, "nodeZone": zone} for zone in ZONES]
        cluster.start({"replicas": 3, "topology": {"zones": zones}})
        with kubectl.forwarded(f"pod/{_pod(ZONES[0])}", 8761) as port:
            for app, count in FLEET.items():
                for number in range(1, count + 1):
                    _register(port, app, number)
        cluster.wait_agreed()
        yield cluster


@pytest.fixture
def port(cluster: EkcCluster) -> Iterator[int]:
    """A port of this machine that leads to peer1."""
    with cluster.kubectl.forwarded(f"pod/{_pod(ZONES[0])}", 8761) as port:
        yield port


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go."""
    if os.environ.get("EUREKUBE_REWRITE") != "1":
        return tmp_path
    IMAGES.mkdir(exist_ok=True)
    return IMAGES


def test_search_filters_keys_and_actions_through_a_forwarded_port(
    browser: Browser, cluster: EkcCluster, port: int, pictures: Path
) -> None:
    """All that a person does; what is changed is changed at the other peers, too."""
    page = opened(browser, f"http://localhost:{port}/")
    save_screenshot(page, pictures / "dashboard.png")

    page.key("/")
    page.write("catalog-5")
    until(lambda: shows(page, "1 of "))
    page.key("Escape")
    until(lambda: not shows(page, " of "))
    page.key("Escape")
    click(page, "#statuses button", "DOWN")
    until(lambda: shows(page, "1 of "))
    assert page.run("location.hash") == "#status=DOWN"
    click(page, "#clear")
    page.key("Escape")
    page.key("v")
    until(lambda: page.run("location.hash") == "#view=instances")

    page.key("/")
    page.write("orders-1")
    until(lambda: shows(page, "1 of "))
    page.key("ArrowDown")
    page.key("ArrowDown")
    page.key("Enter")
    until(lambda: page.run("document.getElementById('instance-dialog').open"))
    save_screenshot(page, pictures / "instance.png")
    click(page, "#dialog-buttons button", "Take out of service")
    click(page, "#dialog-buttons button.solid")
    until(lambda: _status(cluster, "orders-1") == "OUT_OF_SERVICE", PATIENCE_S)

    check_clean(page, f"http://localhost:{port}/")


def test_all_works_behind_a_prefix(browser: Browser, cluster: EkcCluster, port: int) -> None:
    """Every address of the page is relative, those of data and actions among them."""
    with proxy(port, prefix=PREFIX) as front:
        url = f"http://localhost:{front}{PREFIX}/"
        page = opened(browser, f"{url}#view=instances&q=billing-2")
        until(lambda: shows(page, "1 of "))
        click(page, "#grid .rows button")
        click(page, "#dialog-buttons button", "Take out of service")
        click(page, "#dialog-buttons button.solid")
        until(lambda: _status(cluster, "billing-2") == "OUT_OF_SERVICE", PATIENCE_S)

        check_clean(page, url)


def test_zone_that_is_lost_is_shown(
    browser: Browser, target: Target, cluster: EkcCluster, port: int, pictures: Path
) -> None:
    """By both that are left: which peer is away, and why; and that it is back."""
    assert target.faults is not None
    page = opened(browser, f"http://localhost:{port}/")
    lost = cluster.pods[_pod(ZONES[2])].node

    with target.faults.cut_off(lost):
        until(lambda: page.run(UNAVAILABLE) == 2, PATIENCE_S)
        said = page.run("document.querySelector('#replicas .trouble').textContent")
        save_screenshot(page, pictures / "zone-lost.png")

    assert said.startswith("peer3")
    until(lambda: page.run(UNAVAILABLE) == 0, PATIENCE_S)
    check_clean(page, f"http://localhost:{port}/")
    cluster.wait_ready()


def opened(browser: Browser, url: str) -> Page:
    """The dashboard with its data, in a window that notes what it does."""
    page = browser.page()
    page.listen()
    page.open(url)
    until(lambda: shows(page, "instance"))
    return page


def shows(page: Page, words: str) -> bool:
    """Whether the line that counts instances has these words."""
    return words in page.run("document.getElementById('count').textContent")


def check_clean(page: Page, url: str) -> None:
    """Nothing was asked for elsewhere, and the console is empty."""
    assert page.complaints == []
    assert {each for each in page.asked_for if not each.startswith(url)} == set()


def save_screenshot(page: Page, file: Path) -> None:
    """A picture, small enough for a repository."""
    page.picture(file, WIDTH, HEIGHT)
    assert file.stat().st_size < MOST_BYTES


def _register(port: int, app: str, number: int) -> None:
    """Register an instance of the fleet."""
    name = f"{app.lower()}-{number}"
    zone = 1 + number % len(ZONES)
    fields = {
        "hostName": f"{name}.shop.svc",
        "ipAddr": f"10.244.{zone}.{10 * len(app) + number}",
        "port": {"$": 8080, "@enabled": "true"},
        "status": "DOWN" if name == DOWN else "UP",
        "leaseInfo": LEASE,
        "metadata": {"zone": f"zone-{zone}"},
        "statusPageUrl": f"http://{name}.shop.svc:8080/actuator/info",
    }
    reply = ask(port, "POST", f"/eureka/apps/{app}", document(app, name, **fields))
    assert reply.status == 204, reply


def _status(cluster: EkcCluster, instance: str) -> str:
    """Of an instance, at another peer than the one that was asked to change it."""
    app = instance.partition("-")[0]
    found = instances(cluster, app, _pod(ZONES[1]))
    return str(found.get(instance, {}).get("status"))


def _pod(zone: str) -> str:
    """The peer of a zone."""
    return f"eureka-peer-{zone}-1"
