"""The bundle file: its table of contents, its layout, its composed image archives."""
