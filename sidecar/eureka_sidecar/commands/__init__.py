"""The commands of `eureka-sidecar`."""
