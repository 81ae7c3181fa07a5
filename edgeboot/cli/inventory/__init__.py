"""``edgeboot inventory``."""
