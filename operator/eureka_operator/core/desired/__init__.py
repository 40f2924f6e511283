"""The objects of an `EurekaCluster`: one function for each child, each beside its golden file.

A function takes the cluster and returns the object as it is applied: only fields that the operator
owns, none that the API server fills in. To add a field, change one function and its golden file.
"""
