"""The sidecar: it registers the application beside it with Eureka, and renews its lease."""

__version__ = "0.1.0"
