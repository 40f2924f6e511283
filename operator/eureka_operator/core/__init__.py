"""The objects and the status of an `EurekaCluster`. Pure: values in, values out."""
