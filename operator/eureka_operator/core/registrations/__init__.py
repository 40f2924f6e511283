"""What an `EurekaRegistration` has registered, as pure functions."""
