"""A real Kubernetes on one Linux machine: no Docker, no image registry, nothing but packages.

`python -m tests.cluster --help` for people; `lifecycle` and `faults` for tests.
"""
