"""The port to a cluster's API."""
