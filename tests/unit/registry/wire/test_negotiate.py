"""Which form is asked for, and which one comes (`docs/protocol/http.md#content-types`)."""

import pytest

from eureka_registry.wire.negotiate import Form, Format, body_format, form_for, wants_gzip


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        (None, Format.XML),
        ("", Format.XML),
        ("*/*", Format.XML),
        ("application/xml", Format.XML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.XML),
        ("text/html, image/gif, image/jpeg, */*; q=0.2", Format.XML),
        ("application/json", Format.JSON),
        ("APPLICATION/JSON", Format.JSON),
        ("application/json, application/*+json", Format.JSON),
        ("application/vnd.x+json", Format.JSON),
        ("application/xml, application/json;q=0.1", Format.JSON),
    ],
)
def test_json_is_what_names_it(accept: str | None, format_: Format) -> None:
    """Clients in Python and Go and Prometheus send no `Accept`, and read XML only."""
    form = form_for(accept, None, False)  # noqa: FBT003

    assert form == Form(format_)
    assert form.content_type == format_.value


@pytest.mark.parametrize(
    ("header", "compact"),
    [
        ("compact", True),
        ("COMPACT", True),
        ("[compact]", False),
        ("full", False),
        (None, False),
        ("x", False),
    ],
)
def test_compact_is_the_bare_word(header: str | None, compact: bool) -> None:  # noqa: FBT001
    """Jersey 3 sends `[compact]`; Java does not know it and answers full."""
    assert form_for("application/json", header, False).compact is compact  # noqa: FBT003


def test_the_version_counts_in_xml_only() -> None:
    """JSON never alters a status, so it needs no form of its own."""
    assert form_for(None, None, True) == Form(Format.XML, v1=True)  # noqa: FBT003
    assert form_for("application/json", None, True) == Form(Format.JSON)  # noqa: FBT003


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("gzip, deflate", True),
        ("deflate, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
        ("identity", False),
        ("deflate;q=0, gzip", True),
    ],
)
def test_gzip_is_what_is_named_and_not_weighed_away(header: str | None, wanted: bool) -> None:  # noqa: FBT001
    """Java compresses for `gzip;q=0`, too; a proxy that says so means it."""
    assert wants_gzip(header) is wanted


@pytest.mark.parametrize(
    ("header", "format_"),
    [
        ("application/json", Format.JSON),
        ("application/json; charset=utf-8", Format.JSON),
        ('Application/JSON;charset="UTF-8"', Format.JSON),
        ("application/json;charset=ISO-8859-1", Format.JSON),
        ("application/json;v=2", Format.JSON),
        ("application/vnd.netflix+json", Format.JSON),
        ("application/xml", Format.XML),
        ("application/xml;charset=UTF-8", Format.XML),
        ("text/xml", Format.XML),
        ("application/atom+xml", Format.XML),
        ("application/json;charset=utf-16", None),
        ("application/json;charset=", None),
        ("text/plain", None),
        ("text/json", None),
        ("application/octet-stream", None),
        ("json", None),
        ("", None),
        (None, None),
    ],
)
def test_bodies_that_can_be_read(header: str | None, format_: Format | None) -> None:
    """Cases 37 and 41."""
    assert body_format(header) is format_
