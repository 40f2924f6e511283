"""The commands of `eureka-operator`."""
