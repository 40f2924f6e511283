"""Peers as processes on this machine (`up`, `drill`), and any server measured (`bench`)."""
