"""K3s itself and what is laid over its configuration."""
