"""``edgeboot bundle``."""
