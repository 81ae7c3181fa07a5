"""``inventory.yml``: what the cluster should be, as frozen values."""
