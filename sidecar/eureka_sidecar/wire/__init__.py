"""HTTP and gRPC as bytes: no input, no output."""
