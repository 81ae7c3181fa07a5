"""Carrying out: observe hosts, apply steps, run phases, many hosts at once. Decides no content."""
