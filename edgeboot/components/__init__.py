"""What a node should have: pure functions of cluster, node, traits, and bundle contents."""
