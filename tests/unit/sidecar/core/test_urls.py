from __future__ import annotations

import pytest

from eureka_sidecar.core.configuration import Credentials
from eureka_sidecar.core.urls import Url, parse, plain_text_warning


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (
            "http://registry.example:8761/eureka/",
            Url("http", "registry.example", 8761, "/eureka/"),
        ),
        ("https://registry/eureka/v2/", Url("https", "registry", 443, "/eureka/v2/")),
        ("http://registry", Url("http", "registry", 80, "/")),
        ("http://registry:80/", Url("http", "registry", 80, "/")),
        ("HTTP://Registry.Example/Eureka/", Url("http", "registry.example", 80, "/Eureka/")),
        ("http://registry.ns.svc.:8761/", Url("http", "registry.ns.svc.", 8761, "/")),
        ("http://[::1]:8761/eureka/", Url("http", "::1", 8761, "/eureka/")),
        ("https://[2001:DB8::1]/", Url("https", "2001:db8::1", 443, "/")),
        ("http://10.0.0.1:65535/%C3%A4/", Url("http", "10.0.0.1", 65535, "/%C3%A4/")),
    ],
)
def test_url_is_read_and_written_so_that_it_is_the_same(text: str, url: Url) -> None:
    """What `status` prints can be copied into a flag."""
    assert parse(text) == url
    assert parse(str(url)) == url


def test_final_slash_is_added() -> None:
    """Java's `defaultZone` works with and without; here paths are appended to it."""
    assert parse("http://registry:8761/eureka").path == "/eureka/"


@pytest.mark.parametrize(
    ("text", "header", "authority"),
    [
        ("http://registry/", "registry", "registry:80"),
        ("http://registry:443/", "registry:443", "registry:443"),
        ("https://[::1]/", "[::1]", "[::1]:443"),
        ("https://[::1]:8761/", "[::1]:8761", "[::1]:8761"),
    ],
)
def test_host_header_leaves_out_the_default_port(text: str, header: str, authority: str) -> None:
    """Some ingress controllers match hosts as text, and no browser sends `:443`."""
    assert parse(text).host_header == header
    assert parse(text).authority == authority


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("registry:8761", "no scheme"),
        ("", "no scheme"),
        ("ftp://registry/", "'ftp'"),
        ("http://", "no host"),
        ("http:///eureka/", "no host"),
        ("http://:8761/", "no host"),
        ("http://./", "no host"),
        ("http://registry:/", "no port"),
        ("http://registry:0/", "no port"),
        ("http://registry:65536/", "no port"),
        ("http://registry:+80/", "no port"),
        ("http://registry:http/", "no port"),
        ("http://::1/", "brackets"),
        ("http://a,b/", "neither a name nor an address"),
        ("http://[::1/", "no IPv6 address"),
        ("http://[registry]/", "no IPv6 address"),
        ("http://[::1]8761/", "after its ']'"),
        ("http://registry/?token=x", "query"),
        ("http://registry/#x", "fragment"),
        ("http://registry /", "blank"),
        (" http://registry/", "blank"),
        ("http://registry/\r\nX: y", "blank"),
        ("http://régistry/", "xn--"),
        ("http://" + "a" * 3_000, "longer"),
    ],
)
def test_what_is_no_base_url_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    """A typing error shows at the start, not as a look-up that fails for ever."""
    with pytest.raises(ValueError, match="registry URL") as error:
        parse(text)

    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://me:hunter2@registry/",
        "http://me:hun/ter2@registry/",
        "http://me:hunter2?#@registry/",
        "me:hunter2@registry",
        "http://registry/?password=hunter2",
    ],
)
def test_password_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    """The sentence goes into logs and events, which more people read than Secrets."""
    with pytest.raises(ValueError, match=r"files|path") as error:
        parse(text)

    assert "hun" not in str(error.value)
    assert "me" not in str(error.value).split()


def test_password_over_http_is_warned_of() -> None:
    """It is allowed, as registries in the field have passwords and no TLS; but it is said."""
    url, secured = parse("http://registry/"), parse("https://registry/")
    token = Credentials(token_file="/t")  # noqa: S106 - a file's name
    password = Credentials(user_file="/u", password_file="/p")  # noqa: S106 - a file's name

    assert "/p is sent in plain text" in str(plain_text_warning(url, password))
    assert "/t is sent in plain text" in str(plain_text_warning(url, token))
    assert plain_text_warning(secured, password) is None
    assert plain_text_warning(url, Credentials()) is None
