"""Pure functions for the instances of an `EurekaRegistration`."""
