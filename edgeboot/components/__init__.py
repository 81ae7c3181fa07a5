"""What a node is made of: pure functions of cluster, node, traits and bundle contents."""
