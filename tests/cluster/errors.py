"""What can go wrong, each with a sentence for people: what, where, and what to do."""

from __future__ import annotations


class ClusterError(Exception):
    """The machine, a program or a cluster does not do what is asked."""


class CannotRunError(ClusterError):
    """This machine can have no cluster: the reason is no fault of the project."""
