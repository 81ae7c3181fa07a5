"""Signatures of bundles."""
