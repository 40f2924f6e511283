"""Tests on nodes: a package, as the cluster that they share ends with the last of them."""
