"""What the host below K3s should have."""
