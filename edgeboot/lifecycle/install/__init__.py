"""Installing and converging: the phases and their steps."""
