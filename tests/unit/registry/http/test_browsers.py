"""Which requests are a web page's, and which of them are refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from eureka_registry.http.browsers import is_of_browser, name_of, refusal

CHROMIUM = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/153.0.8010.0"}
OURS = frozenset({"eureka.example", "localhost", "127.0.0.1"})


def status(method: str, headers: Mapping[str, str]) -> int | None:
    """The status of the refusal, `None` if there is none."""
    answer = refusal(method, CIMultiDict(headers), OURS.__contains__)
    return None if answer is None else answer.status


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Java-EurekaClient/v2.0.4", "Accept": "application/json"},
        {
            "User-Agent": "Jersey/3.1.5 (HttpUrlConnection 17.0.9)",
            "Accept": "text/html, */*; q=0.2",
        },
        {"User-Agent": "Go-http-client/1.1"},
        {"User-Agent": "kube-probe/1.34"},
        {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
        {"User-Agent": "node", "Accept-Language": "*", "Sec-Fetch-Mode": "cors"},
        {},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_programs_notice_nothing_whatever_host_they_send(
    method: str, headers: dict[str, str]
) -> None:
    """Names of load balancers, of Services and of yesterday: no registration may be lost."""
    for host in ("eureka.example:8761", "old-name.internal", "", "x:99999", "[::1"):
        assert status(method, headers | {"Host": host}) is None
    assert status(method, headers) is None


MARKS = [
    CHROMIUM,
    {"Accept-Language": "de"},
    {"Accept-Language": ""},
    {"Accept-Language": "*", "User-Agent": "node"},
    {"Origin": "http://rebound.example"},
    {"Origin": "null"},
    {"Referer": "http://rebound.example/page"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
]


@pytest.mark.parametrize("mark", MARKS, ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "BREW"])
def test_one_mark_of_a_browser_binds_it_to_our_names(method: str, mark: dict[str, str]) -> None:
    """A rebound page is same-origin to its browser: only the name that it came by tells."""
    assert status(method, mark | {"Host": "rebound.example"}) == 421
    assert status(method, mark | {"Host": "rebound.example:8761"}) == 421
    assert status(method, mark | {"Host": "eureka.example.rebound.example"}) == 421
    assert status(method, mark) == 421


@pytest.mark.parametrize("mark", MARKS, ids=str)
def test_reads_by_our_names_are_nobodys_business(mark: dict[str, str]) -> None:
    """A link from a wiki to the dashboard works; pages cannot read answers of another origin."""
    for host in ("eureka.example", "EUREKA.example.:8761", "localhost:8761", "127.0.0.1:8761"):
        assert status("GET", mark | {"Host": host}) is None


OWN_PAGE = CHROMIUM | {"Host": "eureka.example:8761", "Origin": "http://eureka.example:8761"}


@pytest.mark.parametrize(
    "changes",
    [
        {"Origin": "http://stranger.example"},
        {"Origin": "http://eureka.example"},
        {"Origin": "http://eureka.example:8762"},
        {"Origin": "http://eureka.example:8761.stranger.example"},
        {"Origin": "http://sub.eureka.example:8761"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[stranger"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "something-new"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_pages_of_other_sites_change_nothing(method: str, changes: dict[str, str]) -> None:
    """Whatever comes with it, credentials among it: a browser adds those by itself."""
    assert status(method, OWN_PAGE | changes) == 403
    assert status("GET", OWN_PAGE | changes) is None


def test_a_page_without_origin_is_known_by_its_referer() -> None:
    """Old browsers sent no `Origin` with forms."""
    form = CHROMIUM | {"Host": "eureka.example"}

    assert status("POST", form | {"Referer": "http://stranger.example/"}) == 403
    assert status("POST", form | {"Referer": "http://eureka.example/lastn"}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "eureka.example", "Origin": "https://eureka.example"},
        {"Host": "EUREKA.example:8761"},
        {"Host": "127.0.0.1:8761", "X-Forwarded-Host": "eureka.example:8761"},
        {"Host": "127.0.0.1:8761", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
def test_our_own_pages_may_write(changes: dict[str, str]) -> None:
    """The dashboard, also behind a proxy that ends TLS, or names us as it likes and says so."""
    assert status("DELETE", OWN_PAGE | changes) is None


def test_what_a_browser_checked_itself_may_have_another_host_behind_a_proxy() -> None:
    """`kubectl proxy`: the API server names itself; `Sec-Fetch-Site` proves HTTPS or localhost."""
    proxied = CHROMIUM | {
        "Host": "abc.eks.example",
        "X-Forwarded-Host": "abc.eks.example",
        "Origin": "http://127.0.0.1:8001",
    }

    assert status("DELETE", proxied | {"Sec-Fetch-Site": "same-origin"}) is None
    assert status("DELETE", proxied | {"Sec-Fetch-Site": "cross-site"}) == 403
    assert status("GET", proxied) == 421


def test_refusals_say_what_to_do_and_repeat_nothing_dangerous() -> None:
    """The text is read by people, in browsers and terminals."""
    answer = refusal("GET", CHROMIUM | {"Host": "<b>\x1b[31m\u2028" + "x" * 500}, OURS.__contains__)

    assert answer is not None
    assert b"allowed_hosts" in answer.body
    assert answer.content_type == "text/plain; charset=utf-8"
    assert ("X-Content-Type-Options", "nosniff") in answer.headers
    assert answer.body.decode().strip().isprintable()
    assert len(answer.body) < 500


@given(st.from_regex(r"[a-z0-9-]+(\.[a-z0-9-]+)*", fullmatch=True), st.integers(0, 65535))
def test_names_lose_case_and_port_only(name: str, port: int) -> None:
    """A port must not decide whether a name is ours."""
    assert name_of(f"{name.upper()}:{port}") == name_of(name) == name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("[::1]:8761", "::1"),
        ("[::1]", "::1"),
        ("Eureka.Example.:80", "eureka.example"),
        ("a:", "a"),
        ("", ""),
    ],
)
def test_hosts_are_read_as_browsers_write_them(host: str, name: str) -> None:
    """RFC 9110, 7.2; a dot at the end of a name changes nothing."""
    assert name_of(host) == name


def test_names_of_headers_are_found_in_any_case() -> None:
    """HTTP/2 proxies write them small."""
    assert is_of_browser(CIMultiDict({"accept-language": "de"}))
    assert is_of_browser(CIMultiDict({"user-agent": "Mozilla/5.0"}))
    assert not is_of_browser(CIMultiDict({"user-agent": "Apache-HttpClient/5 (Mozilla/)"}))
