"""YAML: strict, with positions, for what people write for edgeboot; verbatim for other people's."""
