"""``edgeboot verify`` and ``edgeboot report``."""
