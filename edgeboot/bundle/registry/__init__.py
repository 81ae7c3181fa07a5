"""A client for OCI registries, and bundles as OCI artifacts."""
