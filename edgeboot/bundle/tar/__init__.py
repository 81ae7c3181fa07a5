"""A writer of reproducible tar archives, and a reader for untrusted ones."""
