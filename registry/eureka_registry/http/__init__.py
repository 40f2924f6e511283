"""The HTTP server: the Eureka API, the management port, the dashboard."""
