"""What a reset takes off a host: what is found, the steps that remove it, the plan they make."""
