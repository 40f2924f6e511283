"""A Netflix-Eureka-compatible registry: see docs/architecture.md for who calls whom."""

__version__ = "0.1.0"
