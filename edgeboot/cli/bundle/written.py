"""``-o json`` of commands that write a bundle: which file, and what it is."""

from __future__ import annotations

import json
from pathlib import Path

import click


def tell_written(path: Path, **more: str | None) -> None:
    """Prints the file, its size in bytes, and what else a program needs to know of it."""
    click.echo(json.dumps({"file": str(path), "size": path.stat().st_size, **more}, indent=2))
