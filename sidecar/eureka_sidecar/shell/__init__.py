"""Sockets, files, signals and child processes: they decide nothing."""
