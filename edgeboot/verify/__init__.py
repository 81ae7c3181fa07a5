"""Proof, not hope: testinfra checks over edgeboot's own connection, and budgets."""
