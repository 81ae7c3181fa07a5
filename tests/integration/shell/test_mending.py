"""The snippets that change how a host boots, run by the shells that hosts have."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

from edgeboot import shell
from edgeboot.plan.condition import parse_condition

OLD = b"console=tty1 root=PARTUUID=1 rootwait\n"
NEW = "console=tty1 root=PARTUUID=1 rootwait cgroup_memory=1 cgroup_enable=memory"


def run(sh: tuple[str, ...], name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [*sh, "-c", shell.text(name), name, *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_line_is_replaced_and_the_old_file_kept(sh: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_bytes(OLD)
    assert run(sh, "boot-line", file, sha256(OLD), NEW).returncode == 0
    assert file.read_text() == NEW + "\n"
    assert (tmp_path / "cmdline.txt.edgeboot-backup").read_bytes() == OLD
    assert sorted(os.listdir(tmp_path)) == ["cmdline.txt", "cmdline.txt.edgeboot-backup"]


def test_a_second_time_changes_nothing(sh: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_bytes(OLD)
    run(sh, "boot-line", file, sha256(OLD), NEW)
    assert run(sh, "boot-line", file, sha256(OLD), NEW).returncode == 0
    assert (tmp_path / "cmdline.txt.edgeboot-backup").read_bytes() == OLD


def test_a_file_that_somebody_changed_is_left_alone(sh: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_bytes(b"root=/dev/other\n")
    done = run(sh, "boot-line", file, sha256(OLD), NEW)
    assert done.returncode == 74
    assert "has changed since" in done.stderr
    assert file.read_bytes() == b"root=/dev/other\n"
    assert os.listdir(tmp_path) == ["cmdline.txt"]


def test_the_first_file_of_all_is_the_one_kept(sh: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "cmdline.txt"
    file.write_bytes(OLD)
    run(sh, "boot-line", file, sha256(OLD), NEW)
    run(sh, "boot-line", file, sha256(file.read_bytes()), NEW + " quiet")
    assert file.read_text() == NEW + " quiet\n"
    assert (tmp_path / "cmdline.txt.edgeboot-backup").read_bytes() == OLD


def test_a_full_disk_leaves_the_line_as_it_was(sh: tuple[str, ...], tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the line cannot be written whole."""
    file = tmp_path / "cmdline.txt"
    file.write_bytes(OLD)
    (tmp_path / "cmdline.txt.edgeboot-backup").write_bytes(OLD)
    text = "ulimit -f 1; " + shell.text("boot-line")
    line = "x=" + "y" * 4096
    argv = [*sh, "-c", text, "boot-line", str(file), sha256(OLD), line]
    done = subprocess.run(argv, capture_output=True, timeout=60)
    assert done.returncode != 0
    assert file.read_bytes() == OLD


def test_what_is_examined_can_be_read(sh: tuple[str, ...]) -> None:
    """On this very machine: every line is one the parser knows, whatever the shell."""
    text = shell.text("examine") + "\nexamine / /no/such/directory\n"
    done = subprocess.run([*sh, "-c", text], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert all(line.startswith("condition ") for line in lines), done.stdout
    found = parse_condition(line.removeprefix("condition ") for line in lines)
    assert re.fullmatch(r"[0-9a-f-]{36}", found.boot_id)
    assert found.userland_bits in {32, 64}
    assert found.filesystems["/no/such/directory"].device == found.filesystems["/"].device
    assert found.filesystems["/"].total > found.filesystems["/"].free > 0
    assert set(found.modules) >= {"overlay", "vxlan"}
