import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eureka_operator.api.cluster import Cluster, read
from eureka_operator.api.settings import SETTINGS, settings
from eureka_registry.config.table import SETTINGS as TABLE
from eureka_registry.config.values import convert
from eureka_registry.local import clusterfile
from support.clusterobjects import EVERY_FIELD, GOOD, document


def settings_of(spec: object) -> dict[str, Any]:
    """Settings of a good object."""
    cluster = read(document(spec), strict=True)
    assert isinstance(cluster, Cluster)
    return settings(cluster.spec)


def test_only_what_somebody_chose_is_given() -> None:
    """Else the registry's own defaults would be frozen by the operator's version."""
    assert settings_of({}) == {}
    assert settings_of({"registry": {"rateLimit": {"enabled": False}}}) == {"rate_limit": False}
    assert settings_of({"registry": {"responseCache": {"updateIntervalSeconds": 0}}}) == {
        "read_only_cache_s": 0
    }


def test_every_field_becomes_its_setting() -> None:
    """As `config.json` has them: JSON and nothing else."""
    found = settings_of(EVERY_FIELD)

    assert found == msgspec.json.decode(msgspec.json.encode(found))
    assert set(found) == {
        *(row.setting for row in SETTINGS),
        "remote_regions",
        "remote_region_applications",
    }
    assert found["renewal_threshold"] == 0.9
    assert found["lease_expiry"] == "java"
    assert found["short_departures"] is False
    assert found["remote_regions"] == {"us": "http://us.example.com/eureka"}


def test_java_switched_off_is_the_registrys_own_way() -> None:
    """`false` is a choice, too."""
    found = settings_of({"registry": {"java": {"leaseExpiry": False, "wholeDepartures": False}}})

    assert found == {"lease_expiry": "eurekube", "short_departures": True}


def test_operator_and_up_give_the_same_settings() -> None:
    """The two programs do not import each other; the same file means the same to both."""
    operator = {row.field: row.setting for row in SETTINGS}

    assert operator == {path: setting for path, setting, _ in clusterfile._SETTINGS}
    assert len(operator) == len(SETTINGS) == len(clusterfile._SETTINGS)


@pytest.mark.parametrize("about", GOOD)
def test_operator_and_up_give_the_same_values(about: str, tmp_path: Path) -> None:
    """A conversion of the one is the other's."""
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(document(GOOD[about])))

    operator = {
        name: convert(TABLE[name], value, "").value
        for name, value in settings_of(GOOD[about]).items()
    }

    assert operator == {name: value.value for name, value in clusterfile.read(path).values.items()}
