"""The container runtime: its configuration, the registries it pulls from, and preloaded images."""
