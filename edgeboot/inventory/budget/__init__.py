"""Budgets: limits on what nodes may use, and files of them."""
