"""Signs bundles and verifies their signatures."""
