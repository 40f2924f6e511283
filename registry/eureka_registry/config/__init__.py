"""Settings: their table, and where they come from."""
