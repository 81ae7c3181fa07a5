"""Bundles on small media and thin links: parts and deltas."""
