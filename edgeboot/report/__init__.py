"""Values rendered as text, tables, JSON, JUnit, Prometheus and HTML."""
