"""Inventories of other tools, read into a ``Draft``; pure, and frank about what is lost."""
