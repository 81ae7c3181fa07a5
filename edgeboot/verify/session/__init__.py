"""pytest and testinfra, isolated: only these modules import them."""
