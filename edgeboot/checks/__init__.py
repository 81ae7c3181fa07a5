"""The checks of preflight: pure, each from the facts of one host and of the fleet around it."""
