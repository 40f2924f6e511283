import argparse

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.flags import add_flags, from_arguments
from eureka_registry.config.table import SETTINGS


def parse(*words: str) -> dict[str, object]:
    """Return the values that these words of a command line give."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    add_flags(parser)
    layer = from_arguments(vars(parser.parse_args(words)))
    return {name: given.value for name, given in layer.values.items()}


def test_flags_that_are_not_given_give_nothing() -> None:
    """Else a default of the command line would beat the environment."""
    assert parse() == {}


def test_flags_are_read() -> None:
    """Switches have two forms, lists may be repeated."""
    assert parse(
        *("--port", "8762", "--no-self-preservation", "--fetch-registry"),
        *("--peers", "http://a:1/", "--peers", "http://b:2/,http://c:3/"),
        *("--remote-regions", "eu=http://h/", "--log-format", "json"),
    ) == {
        "port": 8762,
        "self_preservation": False,
        "fetch_registry": True,
        "peers": ["http://a:1/", "http://b:2/", "http://c:3/"],
        "remote_regions": {"eu": "http://h/"},
        "log_format": "json",
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_flag_with_its_meaning(name: str) -> None:
    """One table, one description."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    (action,) = (action for action in parser._actions if action.dest == name)

    assert SETTINGS[name].flag in action.option_strings
    assert SETTINGS[name].meaning in str(action.help).replace("%%", "%")


def test_the_help_can_be_printed() -> None:
    """Argparse trips over percent signs."""
    parser = argparse.ArgumentParser()
    add_flags(parser)

    assert "Remote regions" in parser.format_help()


def test_a_bad_value_names_its_flag() -> None:
    """The same words as for a file or a variable."""
    with pytest.raises(ConfigurationError) as caught:
        parse("--port", "70000")

    assert caught.value.source == "flag --port"
