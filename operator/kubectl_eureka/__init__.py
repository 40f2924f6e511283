"""`kubectl eureka`: EurekaClusters, instances and injected pods on the command line."""
