"""The connections to the Kubernetes API and to peers, and the operator's own HTTP server."""
