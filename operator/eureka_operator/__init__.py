"""The operator of Eurekube: it makes peers, Services and other objects of an `EurekaCluster`."""

__version__ = "0.1.0"
