"""Releases of K3s and Helm: their published files, verified against checksums or a lock."""
