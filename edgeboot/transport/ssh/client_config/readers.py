"""Chooses who reads the SSH configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.client_config import files
from edgeboot.transport.ssh.client_config.program import AskSsh, own_files
from edgeboot.transport.ssh.client_config.settings import Reader
from edgeboot.transport.ssh.client_config.subset import Subset

CONFIGS = (Path("~/.ssh/config"), Path("/etc/ssh/ssh_config"))


def reader(configs: tuple[Path, ...] = CONFIGS) -> Reader:
    """The reader of these files, the first one first; files that do not exist are left out."""
    present = tuple(path for path in map(expanded, configs) if path.is_file())
    ssh = shutil.which("ssh")
    if ssh is None:
        return Subset(tuple(files.read(path) for path in present))
    return AskSsh(ssh, own_files(present, expanded("~")) if configs == CONFIGS else present)
