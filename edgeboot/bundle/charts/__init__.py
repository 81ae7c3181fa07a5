"""Helm charts: downloads them, packs them with dependencies and finds their images."""
