"""pytest and testinfra, shut in: the only modules that import them."""
