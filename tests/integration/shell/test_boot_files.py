"""A boot file is the planned line afterwards, and the old file lies beside it."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings

from edgeboot import shell
from edgeboot.checks import kernel
from tests.support.boot_files import FILES, subject


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=FILES)
def test_the_file_is_the_line_afterwards_and_a_backup_is_kept(
    sh: tuple[str, ...], content: bytes
) -> None:
    line = kernel.boot_line(subject(content))
    if line is None:
        return
    with TemporaryDirectory() as directory:
        file = Path(directory) / "cmdline.txt"
        file.write_bytes(content)
        words = (str(file), sha256(content).hexdigest(), line)
        argv = [*sh, "-c", shell.text("boot-line"), "boot-line", *words]
        assert subprocess.run(argv, capture_output=True, timeout=60).returncode == 0
        assert file.read_bytes() == line.encode() + b"\n"
        backup = Path(directory) / "cmdline.txt.edgeboot-backup"
        assert backup.read_bytes() == content
        assert len(list(Path(directory).iterdir())) == 2
