"""Commands that query a Eureka server: `ls`, `get`, `out`, `in`, `diff` and more.

`eureka-registry` asks by a URL and `kubectl-eureka` by the API server's proxy; how a request gets
to the server is an argument (`server.Server`). Nothing here opens a connection or reads a clock.
"""
