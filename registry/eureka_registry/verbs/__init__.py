"""What people ask a Eureka server from the command line: `ls`, `get`, `out`, `in`, `diff` and more.

`eureka-registry` asks by a URL and `kubectl-eureka` by the API server's proxy; how a request gets
to the server is an argument (`server.Server`). Nothing here opens a connection or reads a clock.
"""
