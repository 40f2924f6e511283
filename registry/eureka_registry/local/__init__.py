"""Peers as processes on this machine (`up`, `drill`), and measuring any server (`bench`)."""
