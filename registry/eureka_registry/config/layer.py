"""The settings that one source gives."""

from __future__ import annotations

import msgspec

from eureka_registry.config.values import SettingValue


class Layer(msgspec.Struct):
    """Values by the name of their setting, and warnings about the source."""

    values: dict[str, SettingValue] = {}
    warnings: list[str] = []
