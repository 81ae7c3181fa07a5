"""Offline bundles: single files with everything that a site needs."""
