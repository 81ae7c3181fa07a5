"""Samples, figures and budgets."""
