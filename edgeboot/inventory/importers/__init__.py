"""Inventories of other tools, read into a ``Draft`` that lists what is lost."""
