"""Measures the registry: `make bench`, or `python -m bench [NAME...]`. No part of the program."""
