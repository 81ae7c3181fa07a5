"""What was read of nodes and cluster, as values."""
