"""Tests of injection: a package, as what its tests share ends with the last of them."""
