"""The checks: ordinary pytest functions with a ``subject`` and its testinfra ``host``."""
