"""Settings: the table of settings, and the sources that set them."""
