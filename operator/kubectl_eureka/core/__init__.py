"""What commands print, without input or output."""
