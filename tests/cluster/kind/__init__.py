"""A cluster that kind makes, on a machine that needs no Docker.

Where no Docker engine answers, `engine` starts one in namespaces of its own, and `nodeimage` builds
what kind's nodes are: kind's own image is in a registry of images, which need not be in reach.
"""
