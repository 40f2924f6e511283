"""Tests on a cluster that kind makes: a package, as it ends with the last of them."""
