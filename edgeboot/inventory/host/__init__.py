"""The host below a node: board, swap, disk, firewall, clock, files and hooks."""
