"""Samples, the figures computed from them, and budgets."""
