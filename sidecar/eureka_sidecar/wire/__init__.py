"""HTTP and gRPC as bytes, without input or output."""
