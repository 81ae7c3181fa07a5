"""What edgeboot does with a cluster, each as a readable tuple of phases."""
