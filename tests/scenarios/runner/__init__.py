"""Tells stories of several peers from text files; `tests/scenarios/README.md` has the commands."""
