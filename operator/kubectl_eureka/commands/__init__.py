"""The commands of `kubectl eureka`."""
