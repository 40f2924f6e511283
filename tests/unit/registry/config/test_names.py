from collections import Counter

from eureka_registry.config.binding import compact
from eureka_registry.config.names import MAPPED, UNMAPPED
from eureka_registry.config.table import SETTINGS, Kind


def test_every_mapped_property_leads_to_a_setting() -> None:
    """A renamed setting must not leave Java's name behind."""
    assert {row.setting for row in MAPPED} <= set(SETTINGS)


def test_every_other_property_has_a_reason() -> None:
    """The reason is what the user reads."""
    assert all(row.reason and not row.setting for row in UNMAPPED)


def test_no_name_is_there_twice() -> None:
    """Compared as names are compared, or one row would hide the other."""
    names = Counter(compact(name) for row in (*MAPPED, *UNMAPPED) for name in row.names)

    assert [name for name, times in names.items() if times > 1] == []


def test_units_are_turned_only_for_numbers() -> None:
    """Milliseconds become the seconds of settings that end in `_s`."""
    scaled = [row.setting for row in MAPPED if row.scale != 1]

    assert scaled
    assert all(name.endswith("_s") for name in scaled)
    assert all(SETTINGS[name].kind is Kind.NUMBER for name in scaled)
    assert all(SETTINGS[row.setting].kind is Kind.FLAG for row in MAPPED if row.inverted)
