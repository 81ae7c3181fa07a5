"""In-memory hosts behind the Transport protocol, for tests: ours, and those of library users."""
