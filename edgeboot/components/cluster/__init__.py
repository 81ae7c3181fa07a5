"""What servers install into the cluster."""
