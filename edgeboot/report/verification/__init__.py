"""A verification in every form: terminal, JSON, JUnit, Prometheus, HTML."""
