"""The sidecar: it registers what runs beside it in Eureka, and renews its lease."""

__version__ = "0.1.0"
