"""Decides which pods get which sidecar, and why: one pure decision for all callers."""
