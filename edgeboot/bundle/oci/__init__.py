"""OCI documents and image references."""
