"""The fields of the operator's objects. Pure."""
