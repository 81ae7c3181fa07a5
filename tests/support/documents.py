"""Commands in the code blocks of documents."""

from __future__ import annotations

import re
from pathlib import Path


def commands_in(path: Path) -> list[str]:
    """Every edgeboot command in the code blocks of a document."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.S)
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith("edgeboot ")]
