"""`make demo`: Eurekube on a Kubernetes, from nothing to two services that call each other.

`where` makes or takes a cluster, `objects` is what the demo makes in it, `look` reads how that
goes, `screen` shows it; `__main__` runs all of it and removes it again.
"""
