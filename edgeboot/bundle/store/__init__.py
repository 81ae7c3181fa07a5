"""The content-addressed store that builds work in."""
