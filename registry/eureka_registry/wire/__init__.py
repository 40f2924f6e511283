"""Documents of the wire: JSON, XML, and bodies assembled from them."""
