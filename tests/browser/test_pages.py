"""What pages can do to a registry in a real browser: strangers' pages nothing, our own all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.devtools import Browser, Page
from processes.cluster import LONG, Cluster, PeerProcess, ask, document, until

APP, ID = "ORDERS", "orders-1"
OURS = {APP: {ID: "UP"}}
REBOUND = "rebound.example"
ALLOWED = "eureka.corp.example"
SCRIPT = Path(__file__).with_name("stranger.js").read_text()
POSTS_UNSEEN = 2 * (5 + 3)
"""Beacons and forms of the script: their page does not see how they end."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One peer, as on a machine of one's own, but for names that are allowed."""
    with Cluster(1, allowed_hosts=["*.corp.example"]) as cluster:
        yield cluster.start()


@pytest.fixture
def peer(cluster: Cluster) -> PeerProcess:
    """The peer, with one instance."""
    (peer,) = cluster.peers
    for app, instances in statuses(peer).items():
        for instance_id in instances:
            peer.ask("DELETE", f"/apps/{app}/{instance_id}")
    peer.register(APP, ID, leaseInfo=LONG)
    return peer


def statuses(peer: PeerProcess) -> dict[str, dict[str, str]]:
    """Status of every instance, by application and id."""
    listed = peer.ask("GET", "/apps", headers={"Accept": "application/json"}).json
    return {
        app["name"]: {each["instanceId"]: each["status"] for each in app["instance"]}
        for app in listed["applications"]["application"]
    }


def answer_count(peer: PeerProcess, status: int) -> int:
    """How many requests were answered with a status so far."""
    lines = ask(peer.management_port, "GET", "/metrics").body.decode().splitlines()
    wanted = [line for line in lines if line.startswith("eureka_server_requests_total{")]
    return int(sum(float(line.split()[-1]) for line in wanted if f'status="{status}"' in line))


def batch() -> dict[str, Any]:
    """What a peer sends: takes out ours, puts in another."""
    common = {"lastDirtyTimestamp": 1, "status": "UP"}
    other = document("EVIL", "evil-2")["instance"]
    register = {"appName": "EVIL", "id": "evil-2", "action": "Register", "instanceInfo": other}
    cancel = {"appName": APP, "id": ID, "action": "Cancel"}
    return {"replicationList": [common | cancel, common | register]}


def script(page: Page, function: str, *arguments: object) -> Any:  # noqa: ANN401
    """What a function of `stranger.js` gives in a page."""
    page.run(SCRIPT)
    return page.run(f"{function}(...{json.dumps(arguments)})")


def try_to_write(page: Page, host: str, *, own: bool) -> list[object]:
    """Send every write that a page can; what each of those with an answer got."""
    documents = (json.dumps(document("EVIL", "evil-1")), json.dumps(batch()))
    got: list[object] = script(page, "writes", f"http://{host}/eureka/", own, *documents)
    return got


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", ALLOWED])
def test_a_page_of_another_site_changes_nothing(
    browser: Browser, peer: PeerProcess, stranger: str, host: str
) -> None:
    """Forms, beacons and `no-cors` go out without asking; what has to be asked for is refused."""
    before = answer_count(peer, 403)
    page = browser.page(stranger)

    got = try_to_write(page, f"{host}:{peer.port}", own=False)

    assert set(got) == {"opaque", "error"}
    assert got.count("opaque") == 2 * 5
    until(lambda: answer_count(peer, 403) - before >= 2 * 5 + POSTS_UNSEEN)
    assert statuses(peer) == OURS


def test_a_page_of_another_site_reads_nothing(
    browser: Browser, peer: PeerProcess, stranger: str
) -> None:
    """No answer says that others may read it, on either port; no frame shows a page of ours."""
    page = browser.page(stranger)

    for port, paths in ((peer.port, ("", "eureka/apps")), (peer.management_port, ("metrics",))):
        for path in paths:
            got = script(page, "reads", f"http://localhost:{port}/{path}")
            assert got == ["refused", "", "refused", "closed"]


def test_a_rebound_page_can_neither_read_nor_write(browser: Browser, peer: PeerProcess) -> None:
    """Its name leads here by now, so its browser takes us for its own site: only `Host` tells.

    That holds whatever its script takes off or puts on, and on the management port, too.
    """
    for port, paths in (
        (peer.port, ("", "eureka/apps", "dashboard/state", "static/dashboard.js", "nothing")),
        (peer.management_port, ("metrics", "peers", "livez", "nothing")),
    ):
        base = f"http://{REBOUND}:{port}/"
        page = browser.page(base)
        assert "allowed_hosts" in page.run("document.body.innerText")
        for path in paths:
            assert script(page, "asOwn", base + path) == [[421, True]] * 4
        assert script(page, "socket") == "refused"

    before = answer_count(peer, 421)
    page = browser.page(f"http://{REBOUND}:{peer.port}/")
    got = try_to_write(page, f"{REBOUND}:{peer.port}", own=True)

    assert set(got) == {421}
    until(lambda: answer_count(peer, 421) - before >= len(got) + POSTS_UNSEEN)
    assert statuses(peer) == OURS


def click(page: Page, buttons: str, text: str = "") -> None:
    """Press the first of `buttons` that begins with `text`, once it is there."""
    pressing = f"""
      (() => {{
        const all = [...document.querySelectorAll({json.dumps(buttons)})];
        const found = all.find((each) => each.textContent.trim().startsWith({json.dumps(text)}));
        found?.click();
        return Boolean(found);
      }})()
    """
    until(lambda: page.run(pressing))


def dashboard(browser: Browser, host: str) -> Page:
    """The dashboard with its data."""
    page = browser.page(f"http://{host}/")
    until(lambda: "1 instance" in page.run("document.getElementById('count').textContent"))
    return page


def take_out(page: Page) -> None:
    """Take the one instance out of service, as people do."""
    click(page, "#toolbar .switch button", "Instances")
    click(page, "#grid .rows button")
    click(page, "#dialog-buttons button", "Take out of service")
    click(page, "#dialog-buttons button.solid")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", ALLOWED])
def test_the_dashboard_shows_and_changes_what_it_may(
    browser: Browser, peer: PeerProcess, host: str
) -> None:
    """At this machine, through a forwarded port, and behind a proxy that keeps an allowed name."""
    take_out(dashboard(browser, f"{host}:{peer.port}"))

    until(lambda: statuses(peer) == {APP: {ID: "OUT_OF_SERVICE"}})


def test_the_dashboard_works_behind_the_api_server(
    browser: Browser, peer: PeerProcess, stranger: str, api_server: Callable[[int], int]
) -> None:
    """`kubectl proxy`: the registry sees a `Host` that it does not know. Strangers gain nothing."""
    port = api_server(peer.port)
    got = try_to_write(browser.page(stranger), f"localhost:{port}", own=False)
    assert set(got) == {"opaque", "error"}
    assert statuses(peer) == OURS

    take_out(dashboard(browser, f"localhost:{port}"))

    until(lambda: statuses(peer) == {APP: {ID: "OUT_OF_SERVICE"}})


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 800)])
def test_the_dashboard_fits_the_screen(
    browser: Browser, peer: PeerProcess, tmp_path: Path, width: int, height: int
) -> None:
    """Nobody scrolls sideways to read a status, on a phone either."""
    page = dashboard(browser, f"localhost:{peer.port}")

    page.picture(tmp_path / "dashboard.png", width, height)

    seen = "[innerWidth, document.documentElement.scrollWidth <= innerWidth]"
    assert page.run(seen) == [width, True]


def test_a_password_that_the_browser_remembers_serves_its_own_pages_only(
    browser: Browser, stranger: str, tmp_path: Path
) -> None:
    """A browser adds it to whatever any page sends: the rule is the same with it."""
    (tmp_path / "secret").write_text("pass")
    policy = {"users": {"peer": {"password_file": "secret", "peer": True}}}
    (tmp_path / "auth.json").write_text(json.dumps(policy))
    with Cluster(1, auth_file=str(tmp_path / "auth.json")) as cluster:
        (peer,) = cluster.start().peers
        host = f"localhost:{peer.port}"
        page = browser.page(f"http://peer:pass@{host}/")
        page.open(f"http://{host}/lastn")
        removal = "fetch('eureka/apps/X/x', { method: 'DELETE' }).then((answer) => answer.status)"
        assert page.run(removal) == 404

        page.open(stranger)
        got = try_to_write(page, host, own=False)
        assert set(got) == {"opaque", "error"}
        until(lambda: answer_count(peer, 403) >= 2 * 5 + POSTS_UNSEEN)


TOKEN = "token-0123456789"  # noqa: S105


def paste(page: Page, token: str) -> None:
    """Wait until the page asks for a token, and give it one."""
    until(lambda: page.run("!document.getElementById('sign-in').hidden"))
    page.run(f"document.getElementById('token').value = {json.dumps(token)}")
    click(page, "#use-token")


def test_a_token_is_pasted_once_and_kept_in_the_page_alone(
    browser: Browser, tmp_path: Path
) -> None:
    """Who has no password sees the page all the same; a wrong token is told; the right one serves.

    It is in no address, cookie or storage, and gone with the page.
    """
    (tmp_path / "token").write_text(TOKEN)
    policy = {"tokens": {"admin": {"token_file": "token", "peer": True}}}
    (tmp_path / "auth.json").write_text(json.dumps(policy))
    with Cluster(1, auth_file=str(tmp_path / "auth.json")) as cluster:
        (peer,) = cluster.start().peers
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        made = peer.ask("POST", f"/apps/{APP}", document(APP, ID, leaseInfo=LONG), bearer)
        assert made.status == 204
        page = browser.page(f"http://localhost:{peer.port}/")
        paste(page, "wrong")
        why = "document.getElementById('sign-in-why').textContent"
        until(lambda: page.run(why) == "the token is not known")
        page.picture(tmp_path / "sign-in.png", 1280, 900)
        paste(page, TOKEN)
        until(lambda: "1 instance" in page.run("document.getElementById('count').textContent"))
        assert page.run("document.getElementById('sign-in').hidden")
        take_out(page)
        listed = f"/apps/{APP}/{ID}"
        until(
            lambda: (
                peer.ask("GET", listed, headers=bearer).json["instance"]["status"]
                == "OUT_OF_SERVICE"
            )
        )
        kept = "[location.href, document.cookie, localStorage.length, sessionStorage.length]"
        assert page.run(kept) == [f"http://localhost:{peer.port}/#view=instances", "", 0, 0]
        assert TOKEN not in page.run("document.documentElement.outerHTML")
        page.open(f"http://localhost:{peer.port}/lastn")
        until(lambda: page.run("!document.getElementById('sign-in').hidden"))
