"""The ports to the Kubernetes API, to peers, and to whoever looks at the operator."""
