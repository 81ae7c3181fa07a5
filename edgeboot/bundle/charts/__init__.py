"""Helm charts: fetched, packed with their dependencies, searched for images."""
