"""Bundles on small media and slow links: parts and deltas."""
