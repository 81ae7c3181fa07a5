"""Writes the commented bundle.yml of `edgeboot bundle init`."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path
from string import Template

from edgeboot.bundle.format.encoding import is_bundle_name
from edgeboot.errors import BadInput
from edgeboot.localio import atomic


def text_of(path: Path, name: str) -> str:
    """A bundle.yml, to be at ``path``, for a bundle called ``name``."""
    if not is_bundle_name(name):
        hint = "use lower-case letters, digits, dots and dashes"
        raise BadInput(f"invalid bundle name {name[:60]!r}", hint=hint)
    template = Template(files(__package__).joinpath("template.yml").read_text(encoding="utf-8"))
    return template.substitute(name=name, file=shlex.quote(str(path)))


def write(path: Path, name: str, *, force: bool) -> None:
    """Write that file; ``BadInput`` if it exists and ``force`` is not set."""
    text = text_of(path, name)
    if path.exists() and not force:
        raise BadInput(f"{path} already exists", hint="add --force to replace it")
    atomic.write(path, text, overwrite=force)
