import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.settings import LogFormat, Rules
from eureka_registry.config.table import SETTINGS
from eureka_registry.config.values import convert, display_text


def value(setting: str, raw: object) -> object:
    """Return the value that the setting gets."""
    return convert(SETTINGS[setting], raw, "somewhere").value


@pytest.mark.parametrize("raw", ["true", "YES", " on ", "1", True])
def test_every_spelling_of_yes_that_spring_takes_is_yes(raw: object) -> None:
    """Files and variables come from Spring."""
    assert value("self_preservation", raw) is True


@pytest.mark.parametrize("raw", ["false", "No", "off", "0", False])
def test_every_spelling_of_no_that_spring_takes_is_no(raw: object) -> None:
    """`SELF_PRESERVATION=False` must never mean true."""
    assert value("self_preservation", raw) is False


@pytest.mark.parametrize(
    ("setting", "raw", "expected"),
    [
        ("port", " 8762 ", 8762),
        ("port", 0, 0),
        ("drain_s", "1.5", 1.5),
        ("drain_s", 2, 2.0),
        ("log_level", "debug", "DEBUG"),
        ("log_format", "JSON", LogFormat.JSON),
        ("lease_expiry", "java", Rules.JAVA),
        ("zone", 7, "7"),
        ("peers", "http://a:1/eureka, ,http://b:2/", ["http://a:1/eureka/", "http://b:2/"]),
        ("peers", ["http://a:1/", "http://b:2/,"], ["http://a:1/", "http://b:2/"]),
        ("remote_regions", "eu=http://h,us=http://i/", {"eu": "http://h/", "us": "http://i/"}),
        ("remote_regions", {"eu": "http://h/eureka"}, {"eu": "http://h/eureka/"}),
        ("remote_region_applications", "eu=A;B,us=C", {"eu": ["A", "B"], "us": ["C"]}),
        ("remote_region_applications", {"eu": ["A"], "us": "B,C"}, {"eu": ["A"], "us": ["B", "C"]}),
    ],
)
def test_what_people_write_becomes_a_value(setting: str, raw: object, expected: object) -> None:
    """Flags and variables are texts, files have types; both mean the same."""
    assert value(setting, raw) == expected


@pytest.mark.parametrize(
    ("setting", "raw"),
    [
        ("self_preservation", "maybe"),
        ("self_preservation", 2),
        ("port", "8761x"),
        ("port", "8_761"),
        ("port", "٣"),
        ("port", True),
        ("port", 1.5),
        ("port", 65536),
        ("port", "9" * 5000),
        ("drain_s", "nan"),
        ("drain_s", math.inf),
        ("drain_s", "1_0"),
        ("drain_s", [1]),
        ("drain_s", -1),
        ("renewal_threshold", "85"),
        ("log_level", "LOUD"),
        ("name", ""),
        ("name", None),
        ("zone", {"a": "b"}),
        ("zone", True),
        ("peers", {"a": "b"}),
        ("peers", [["a"]]),
        ("remote_regions", "http://h/"),
        ("remote_regions", "=http://h/"),
        ("context_path", "no-slash"),
    ],
)
def test_what_cannot_be_is_refused_with_source_and_choice(setting: str, raw: object) -> None:
    """Never a traceback, never a silent default."""
    with pytest.raises(ConfigurationError) as caught:
        value(setting, raw)

    assert caught.value.source == "somewhere"
    assert caught.value.allowed == SETTINGS[setting].allowed
    assert len(str(caught.value)) < 400


def test_messages_show_neither_passwords_nor_novels() -> None:
    """Values of any length and content reach messages."""
    assert display_text("http://u:secret@h/") == "'http://***@h/'"
    assert len(display_text("x" * 10_000)) < 100


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(
    st.sampled_from(sorted(SETTINGS)),
    st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
    ),
)
def test_any_value_is_taken_or_refused(setting: str, raw: object) -> None:
    """There is no third way out for what comes from a file."""
    with contextlib.suppress(ConfigurationError):
        value(setting, raw)
