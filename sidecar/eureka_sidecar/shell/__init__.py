"""Sockets, files, signals and child processes, without decisions."""
