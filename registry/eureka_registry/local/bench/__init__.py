"""`eureka-registry bench`: what a Eureka server, anybody's, does for some instances of ours.

`command` is the command itself. `run` does it, by `plan`, through `server`; `leases` knows what it
has registered, `figures` counts, `verdict` says what that means, and `screen` shows it.
"""
