"""`eureka-registry bench`: measures any Eureka server with instances of its own.

`command` is the command itself. `run` does it, by `plan`, through `server`; `leases` knows what it
has registered, `figures` counts, `verdict` says what that means, and `screen` shows it.
"""
