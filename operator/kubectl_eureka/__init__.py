"""`kubectl eureka`: what Eurekube's injector does to pods, on the command line."""
