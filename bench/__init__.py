"""Measures the registry: `make bench`, or `python -m bench [NAME...]`. No part of the program."""

import sys
from pathlib import Path

# The Java server to compare with is built and run by what the tests have for it.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
