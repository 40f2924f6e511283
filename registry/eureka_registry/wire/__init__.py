"""Documents in JSON and XML, and bodies made from them."""
