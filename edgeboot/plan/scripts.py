"""Packaged shell files that stay on a host, as contents of files."""

from __future__ import annotations

from edgeboot import shell
from edgeboot.blob import Source
from edgeboot.plan.resources import text


def script(name: str) -> Source:
    """``edgeboot/shell/NAME.sh`` with what it uses."""
    return text(f"#!/bin/sh\n{shell.text(name)}")
