"""Which host keys are trusted."""
