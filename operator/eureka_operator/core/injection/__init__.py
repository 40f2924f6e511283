"""Which pods get a sidecar, which one, and why: one pure decision for all who ask."""
