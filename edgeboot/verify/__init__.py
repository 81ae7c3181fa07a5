"""Verification: what hosts and cluster should be, compared with what they are and use."""
