"""The operator of Eurekube: an `EurekaCluster` becomes peers, Services and what they need."""

__version__ = "0.1.0"
