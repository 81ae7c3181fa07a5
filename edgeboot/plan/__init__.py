"""Values and pure decisions: what a node should have, what it has, and the steps in between."""
