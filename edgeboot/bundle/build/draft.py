"""Writes the commented bundle.yml of `edgeboot bundle init`."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path
from string import Template

from edgeboot.bundle.format.encoding import is_bundle_name
from edgeboot.errors import BadInput
from edgeboot.localio import atomic


def write(path: Path, name: str) -> None:
    """Write a bundle.yml for a bundle called ``name``; BadInput if ``path`` exists."""
    if not is_bundle_name(name):
        hint = "use lower-case letters, digits, dots and dashes"
        raise BadInput(f"invalid bundle name {name[:60]!r}", hint=hint)
    template = Template(files(__package__).joinpath("template.yml").read_text(encoding="utf-8"))
    text = template.substitute(name=name, file=shlex.quote(str(path)))
    atomic.write(path, text, overwrite=False)
