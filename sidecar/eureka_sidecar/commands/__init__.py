"""What `eureka-sidecar` can be told to do."""
