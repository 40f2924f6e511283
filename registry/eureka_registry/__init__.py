"""A registry compatible with Netflix Eureka; docs/architecture.md is the map of its code."""

__version__ = "0.1.0"
