"""A verification as one HTML file without scripts or network."""
