"""Tests on an API server: a package, as what they share ends with the last of them."""
