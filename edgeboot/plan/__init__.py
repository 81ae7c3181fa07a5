"""What each node should have, what it has, and the steps between the two."""
