"""What servers bring into the cluster."""
