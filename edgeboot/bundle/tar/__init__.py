"""The one shape of tar that edgeboot writes, and a reader for tars that may be hostile."""
