"""What an `EurekaCluster` becomes, and what is said of it. Pure: values in, values out."""
