"""The output of commands, without input or output."""
