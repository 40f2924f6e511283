from eureka_registry.config.settings import SECTIONS, Settings
from eureka_registry.config.table import SETTINGS, Kind


def test_every_setting_is_in_the_table_with_a_meaning_and_a_section() -> None:
    """Flags, messages and the reference page are made of it."""
    assert list(SETTINGS) == list(Settings.__struct_fields__)
    assert all(row.meaning and row.section and row.allowed for row in SETTINGS.values())


def test_every_section_begins_with_a_setting() -> None:
    """A renamed setting must not swallow a section."""
    assert set(SECTIONS) <= set(SETTINGS)


def test_kinds_follow_from_types() -> None:
    """Each kind is read and shown in its own way."""
    kinds = {name: SETTINGS[name].kind for name in ("port", "zone", "peers", "log_level")}

    assert kinds == {
        "port": Kind.WHOLE,
        "zone": Kind.TEXT,
        "peers": Kind.TEXTS,
        "log_level": Kind.CHOICE,
    }
    assert SETTINGS["remote_regions"].kind is Kind.PAIRS
    assert SETTINGS["remote_region_applications"].kind is Kind.LISTS
    assert SETTINGS["log_level"].choices == ("DEBUG", "INFO", "WARNING", "ERROR")


def test_live_settings_are_marked() -> None:
    """What sockets, files and names are made of cannot change; what is looked up can."""
    live = {name for name, row in SETTINGS.items() if row.live}

    assert {"log_level", "rate_limit_burst", "remote_regions", "dashboard"} <= live
    assert not live & {"name", "host", "port", "context_path", "peers_file", "tls_cert"}


def test_bounds_are_told_in_words() -> None:
    """An error says what would have been right."""
    assert SETTINGS["port"].allowed == "a whole number from 0 to 65535"
    assert SETTINGS["drain_s"].allowed == "a number from 0 to 600"
    assert SETTINGS["peers_refresh_s"].allowed == "a number above 0 to 31536000"
