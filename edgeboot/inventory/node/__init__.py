"""What nodes can set: how to log in, labels, taints, profiles and all that layers share."""
