"""Logging in and becoming root: keys, passwords, sudo, doas."""
