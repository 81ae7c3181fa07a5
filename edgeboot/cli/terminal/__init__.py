"""Progress, questions and verbosity on the terminal."""
