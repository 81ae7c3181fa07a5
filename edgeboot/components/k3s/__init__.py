"""K3s itself and its configuration."""
