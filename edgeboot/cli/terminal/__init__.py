"""What talks to the person at the terminal."""
