"""What ssh is told, as ssh itself understands it (``ssh -G``)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, Refused
from edgeboot.transport.ssh.openssh import client_files
from edgeboot.transport.ssh.target import SshTarget

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJ1dCB0aGlzIGlzIG5vdCBhIHJlYWwga2V5ISEhISE="
JUMP = SshTarget("jump host", "2001:db8::1", user="me", port=2222, host_key=KEY)
TARGET = SshTarget(
    "pi", "192.0.2.11", user="edge", key=Path("/k ey/id_%h"), host_key=KEY, jump=JUMP
)


def understood(target: SshTarget, tmp_path: Path, name: str, user: str = "") -> dict[str, str]:
    if not shutil.which("ssh"):
        pytest.skip("no ssh client here")
    own = tmp_path / "own"
    own.write_text(user)
    config = tmp_path / "config"
    config.write_text(client_files(target, tmp_path / "pins", [own]).config)
    argv = ["ssh", "-G", "-F", str(config), name]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout
    return dict(line.partition(" ")[::2] for line in said.splitlines())


def test_the_login_of_the_inventory_and_a_checked_key(tmp_path: Path) -> None:
    found = understood(
        TARGET, tmp_path, "192.0.2.11", "Host *\n StrictHostKeyChecking no\n User x\n"
    )
    assert found["user"] == "edge"
    assert found["stricthostkeychecking"] in {"true", "yes"}
    assert found["userknownhostsfile"].strip('"') == str(tmp_path / "pins")
    assert found["hostkeyalias"] == "edgeboot-0"
    assert found["proxyjump"].strip("[]") == "2001:db8::1"
    assert found["identityfile"].startswith("/k ey/id_")


def test_the_jump_host_has_its_own(tmp_path: Path) -> None:
    found = understood(TARGET, tmp_path, "2001:db8::1")
    assert (found["user"], found["port"], found["hostkeyalias"]) == ("me", "2222", "edgeboot-1")


def test_what_the_inventory_leaves_open_is_the_users_own(tmp_path: Path) -> None:
    bare = SshTarget("pi", "192.0.2.11")
    found = understood(bare, tmp_path, "192.0.2.11", "Host 192.0.2.*\n User pi\n Port 2200\n")
    assert (found["user"], found["port"]) == ("pi", "2200")
    assert found["stricthostkeychecking"] in {"true", "yes"}


def test_pins_are_lines_of_known_hosts(tmp_path: Path) -> None:
    files = client_files(TARGET, tmp_path / "pins", [tmp_path / "none"])
    assert files.known_hosts == f"edgeboot-0 {KEY}\nedgeboot-1 {KEY}\n"


def test_a_fingerprint_needs_the_key_it_is_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(Refused, match="only the fingerprint"):
        client_files(SshTarget("pi", "a", host_key="SHA256:abc"), tmp_path / "p", [tmp_path / "n"])


def test_a_path_ssh_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot use the path"):
        client_files(SshTarget("pi", "a", key=Path('/a"b')), tmp_path / "p", [tmp_path / "n"])
