"""What hosts and the API answered, as values."""
