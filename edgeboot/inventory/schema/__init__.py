"""The JSON Schema of the inventory, and the reference made from it."""
