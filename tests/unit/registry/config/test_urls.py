import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.config import urls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@host:8761/eureka/", "http://***@host:8761/eureka/"),
        ("http://user:sec/ret@host/", "http://***@host/"),
        ("http://user:sec@ret@host/", "http://***@host/"),
        ("http://a:secret@h/,https://b:secret@i/", "http://***@h/,https://***@i/"),
        ("eu=http://u:secret@h", "eu=http://***@h"),
        ("http://user:secret", "http://***"),
        ("secret@host", "***@host"),
        ("http://host:8761/eureka/", "http://host:8761/eureka/"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("http://::1:8761/eureka/", "http://::1:8761/eureka/"),
        ("http://fe80::1/,http://u:fe80", "http://fe80::1/,http://***"),
    ],
)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    """Messages end in logs; what a comma or a slash in a password cuts off must not, either."""
    assert urls.redact(text) == shown


@given(st.text(alphabet=st.characters(exclude_characters=", \t\n\r", categories=["L", "N", "P"])))
def test_no_password_without_comma_survives(noise: str) -> None:
    """Whatever else is in the password."""
    assert "sEcReT" not in urls.redact(f"http://user:{noise}sEcReT{noise}@host:8761/eureka/")


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("http://peer1:8761/eureka/", None),
        ("https://user:pw@peer1/", None),
        ("http://[::1]:8761/eureka/", None),
        ("peer1:8761/eureka", "does not begin with http"),
        ("ftp://peer1/", "does not begin with http"),
        ("http:///eureka", "no valid host"),
        ("http://peer1..example/", "no valid host"),
        (f"http://{'a' * 64}.example/", "no valid host"),
        ("http://peer1.example./", None),
        ("http://püer1/", None),
        ("http://peer1:0/", "no valid host"),
        ("http://peer1:99999/", "no valid host"),
        ("http://peer1:port/", "no valid host"),
        ("http://[::1/", "no valid host"),
        ("http://peer1/a?b", "more than"),
        ("http://peer1/a b", "more than"),
        ("", "does not begin with http"),
        ("http://a/eureka/;http://b/eureka/", "several URLs, which a comma must separate"),
        ("http://a/eureka/http://b/eureka/", "several URLs"),
        ("http://u:p#w@peer1:8761/eureka/", "in a password / is written %2F, # is written %23"),
        ("http://u:p/w@peer1/eureka/", "in a password / is written %2F"),
        ("http://u:1/w@peer1:8761/", "in a password / is written %2F"),
        ("http://u:?w@peer1:8761/", "? is written %3F"),
        ("w@peer1:8761/eureka/", "a comma in the password of the URL before it is written %2C"),
        ("http://u:p%2Fw@peer1:8761/eureka/", None),
        ("http://peer1:8761/a@b/", None),
        ("http://[::1]:8761/a@b/", None),
        ("http://::1:8761/eureka/", r"without brackets, which is written [::1]:8761"),
        ("http://u:p@fd00::7/", r"without brackets, which is written [fd00::7]"),
        ("http://fd00::7:80/", r"which is written [fd00::7:80]"),
        ("http://1:2:3:4:5:6:7:8:80/", r"which is written [1:2:3:4:5:6:7:8]:80"),
    ],
)
def test_what_cannot_be_a_service_url_is_told(url: str, wrong: str | None) -> None:
    """A peer that is never reached for a typing error is the commonest complaint."""
    said = urls.problem(url)

    assert (said is None) if wrong is None else (said is not None and wrong in said)


def test_a_service_url_ends_in_a_slash() -> None:
    """Spring appends it, and clients append `apps/` to what there is."""
    assert urls.service_url(" http://peer1:8761/eureka ") == "http://peer1:8761/eureka/"


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_url_without_port_has_its_schemes(scheme: str, port: int) -> None:
    """Peers behind an ingress are written so."""
    assert urls.port_of(f"{scheme}://peer1/eureka/") == port


@pytest.mark.parametrize(
    ("path", "context"),
    [
        ("/eureka/", ""),
        ("/eureka/v2/", ""),
        ("/v2", ""),
        ("/", ""),
        ("", ""),
        ("/registry/eureka/", "/registry"),
        ("/registry/", "/registry"),
        ("/a/b/eureka/v1", "/a/b"),
        ("/myeureka/", "/myeureka"),
    ],
)
def test_the_context_path_is_what_stands_before_the_base_path(path: str, context: str) -> None:
    """`/eureka`, `/v2` and both together are served anyway."""
    assert urls.context_path(path) == context


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[::1]", "::1"),
        (" [fe80::1%eth0] ", "fe80::1%eth0"),
        ("::", "::"),
        ("[x]", "[x]"),
        ("a", "a"),
    ],
)
def test_an_address_may_have_the_brackets_of_urls(text: str, host: str) -> None:
    """`--hostname [::1]` is how the URL beside it is written."""
    assert urls.host(text) == host
