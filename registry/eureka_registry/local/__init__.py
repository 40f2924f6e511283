"""Peers as processes on this machine: `up` and `drill`."""
