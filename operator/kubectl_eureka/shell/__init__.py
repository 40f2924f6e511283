"""Files, the API server and the terminal."""
