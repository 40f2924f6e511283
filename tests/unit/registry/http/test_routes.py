"""Paths and what they name (`docs/protocol/http.md#base-paths`)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.http.routes import Resource, Route, find

RESOURCES = [
    ("apps", Resource.APPS, ()),
    ("apps/delta", Resource.DELTA, ()),
    ("apps/foo", Resource.APP, ("FOO",)),
    ("apps/DELTA", Resource.APP, ("DELTA",)),
    ("apps/foo/i", Resource.INSTANCE, ("FOO", "i")),
    ("apps/delta/i", Resource.INSTANCE, ("DELTA", "i")),
    ("apps/foo/a%3Ab%2Fc", Resource.INSTANCE, ("FOO", "a:b/c")),
    ("apps/stra%C3%9Fe/i", Resource.INSTANCE, ("STRASSE", "i")),
    ("apps/foo/i/status", Resource.STATUS_OVERRIDE, ("FOO", "i")),
    ("apps/foo/i/metadata", Resource.METADATA, ("FOO", "i")),
    ("instances/i", Resource.BY_ID, ("i",)),
    ("vips/Abc", Resource.VIP, ("Abc",)),
    ("svips/s", Resource.SVIP, ("s",)),
    ("asg/g/status", Resource.ASG, ("g",)),
    ("status", Resource.STATUS, ()),
    ("peerreplication/batch", Resource.BATCH, ()),
    ("peerreplication/digest", Resource.DIGEST, ()),
    ("peerreplication/copy", Resource.COPY, ()),
    ("serverinfo/statusoverrides", Resource.OVERRIDES, ()),
]
BASES = ["/eureka/", "/eureka/v2/", "/eureka/V2/", "/v2/", "//eureka///"]
OLD_BASES = ["/eureka/v1/", "/v1/", "/eureka/V1/"]


@pytest.mark.parametrize(("path", "resource", "names"), RESOURCES)
def test_every_resource_below_every_base(
    path: str, resource: Resource, names: tuple[str, ...]
) -> None:
    """With and without slashes at the end; only version 1 is told apart."""
    for slash in ("", "/", "//"):
        for base in BASES:
            found = find(f"{base}{path}{slash}")
            assert found == find(f"/ctx{base}{path}{slash}", "/ctx")
            assert found is not None
            assert (found.resource, found.names, found.v1) == (resource, names, False)
        for base in OLD_BASES:
            found = find(f"{base}{path}{slash}")
            assert found is not None
            assert (found.resource, found.names) == (resource, names)


def test_version_1_is_told_apart() -> None:
    """Its XML shows some states as DOWN."""
    assert find("/v1/apps") == Route(Resource.APPS, (), v1=True)
    assert find("/eureka/v1/apps/a/i") == Route(Resource.INSTANCE, ("A", "i"), v1=True)


@pytest.mark.parametrize("prefix", ["/ctx", "/a/b", "/a/b/"])
def test_a_prefix_serves_by_itself(prefix: str) -> None:
    """So that `/registry` alone may be a service URL."""
    assert find(f"{prefix}/apps", prefix) == Route(Resource.APPS)
    assert find("/eureka/apps", prefix) == Route(Resource.APPS)
    assert find(f"{prefix}/", prefix) == Route(Resource.PAGE)


@pytest.mark.parametrize(
    "path",
    ["/apps", "/eureka", "/eureka/v2", "/eureka/apps/a/i/status/x", "/eureka/vips", "/eureka/asg/g",
     "/eureka/peerreplication", "/eureka/peerreplication/x", "/ctx/eureka/apps", "/eureka/v3/apps",
     "/eureka/v2/eureka/apps", "/EUREKA/apps", "/serverinfo", "*", "a:80"],
)  # fmt: skip
def test_other_paths_name_nothing(path: str) -> None:
    """404."""
    assert find(path) is None


@pytest.mark.parametrize("path", ["/", "", "/lastn", "/static/a.js", "/dashboard/state"])
def test_pages(path: str) -> None:
    """The dashboard's own paths."""
    found = find(path)

    assert found is not None
    assert found.resource is Resource.PAGE


@given(path=st.text(max_size=60), prefix=st.sampled_from(["", "/ctx"]))
def test_any_path_is_something_or_nothing(path: str, prefix: str) -> None:
    """Never an error; names hold no half surrogate pairs that came percent-encoded."""
    found = find(path, prefix)

    assert found is None or found.resource in Resource


@given(segments=st.lists(st.sampled_from(["", "eureka", "apps", "v2"]), min_size=13, max_size=2000))
def test_endless_paths_name_nothing(segments: list[str]) -> None:
    """Whatever stands in them, the work is bounded."""
    named = [segment for segment in segments if segment]
    if len(named) > 12:
        assert find("/" + "/".join(segments)) is None


@pytest.mark.parametrize("context", ["", "/ctx"])
@pytest.mark.parametrize("own", ["/dash", "/a/b", "/eureka"])
def test_the_dashboard_may_have_a_path_of_its_own(context: str, own: str) -> None:
    """`eureka.dashboard.path`: pages are there and nowhere else; the API stays where it is."""
    for page in ("", "lastn", "static/a.js", "dashboard/state"):
        names = tuple(page.split("/")) if page else ()
        found = find(f"{context}{own}/{page}", context, own)
        assert found == Route(Resource.PAGE, names)
        assert find(f"/{page}", context, own) is None
    last = own.rpartition("/")[2]
    assert find(f"{context}{own}", context, own) == Route(Resource.PAGE, ("->", f"{last}/"))
    assert find(f"{context}/eureka/apps", context, own) == Route(Resource.APPS)
    assert find(f"{context}/eureka/status", context, own) == Route(Resource.STATUS)
