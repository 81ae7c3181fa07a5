"""Doing: observe hosts, apply steps, many hosts at once. Decides nothing about what should be."""
