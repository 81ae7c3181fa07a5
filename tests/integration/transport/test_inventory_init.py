"""``inventory init`` against real servers: fingerprints, passwords, the key, the file."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgeboot.inventory.load import load
from edgeboot.inventory.model import Role
from tests.integration.transport.sshd import PASSWORD, Lab
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.integration


def environment(lab: Lab) -> dict[str, str]:
    ssh = lab.home / ".ssh"
    ssh.mkdir(exist_ok=True)
    for name in ("id", "id.pub"):
        (ssh / name.replace("id", "id_ed25519")).write_text((lab.home / name).read_text())
    (ssh / "id_ed25519").chmod(0o600)
    home = {"HOME": str(lab.home), "XDG_STATE_HOME": str(lab.home / "state")}
    return {**os.environ, **home, "EDGEBOOT_TRACEBACK": "1"}


def edgeboot(lab: Lab, *words: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "edgeboot.cli.main", *map(str, words)]
    return subprocess.run(
        argv, env=environment(lab), capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_hosts_with_keys(lab: Lab) -> None:
    first, second = lab.sshd(), lab.sshd()
    path = lab.home / "inventory.yml"
    hosts = [
        f"root@127.0.0.1:{first.port}=server/main",
        f"{lab.users['bash']}@127.0.0.1:{second.port}",
    ]
    done = edgeboot(lab, "inventory", "init", *hosts, "--out", path)
    assert done.returncode == 2, done
    assert "cannot confirm the host keys without a terminal" in done.stderr
    assert not path.exists()
    done = edgeboot(lab, "inventory", "init", "--yes", *hosts, "--out", path)
    assert done.returncode == 0, done
    assert first.fingerprint() in done.stdout
    assert second.fingerprint() in done.stdout
    nodes = load(path).nodes
    assert (nodes[0].name, nodes[0].role) == ("main", Role.SERVER)
    assert [n.ssh.host_key for n in nodes] == [first.public(), second.public()]
    assert [n.ssh.user for n in nodes] == ["root", lab.users["bash"]]
    assert nodes[1].role is Role.AGENT
    assert edgeboot(lab, "inventory", "check", "-i", path).returncode == 0
    done = edgeboot(lab, "inventory", "init", "--yes", *hosts, "--out", path)
    assert done.returncode == 2
    assert "--force" in done.stderr


def test_a_host_where_only_a_password_works_gets_the_key(lab: Lab) -> None:
    server = lab.sshd("PasswordAuthentication yes", "AuthorizedKeysFile .ssh/authorized_keys")
    user = lab.users["asked"]
    home = Path(pwd.getpwnam(user).pw_dir)
    (home / ".ssh").mkdir(mode=0o700)
    keys = home / ".ssh" / "authorized_keys"
    keys.write_text("ssh-ed25519 AAAA somebody else's, without an end of line")
    for path in (keys.parent, keys):
        shutil.chown(path, user)
    path = lab.home / "inventory.yml"
    answers = {
        "keys of your hosts? [y/N]:": "y",
        "Password of the hosts:": PASSWORD,
        "sudo password of the hosts:": PASSWORD,
        "Host 1:": f"{user}@127.0.0.1:{server.port}",
        "Host 2:": "",
    }
    code, said = on_terminal(("inventory", "init", "--out", path), answers, environment(lab))
    assert code == 0, said
    assert server.fingerprint() in said
    assert "your SSH key is installed" in said
    assert PASSWORD not in said
    assert said.count("Password of the hosts:") == 1
    assert said.count("sudo password of the hosts:") == 1
    lines = keys.read_text().splitlines()
    assert lines[1:] == [(lab.home / "id.pub").read_text().strip()]
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.stat().st_uid == pwd.getpwnam(user).pw_uid
    assert "password" not in path.read_text()
    # From now on the key is enough.
    done = edgeboot(lab, "inventory", "init", "--yes", f"{user}@127.0.0.1:{server.port}",
                    "--out", lab.home / "again.yml")  # fmt: skip
    assert "-K" in done.stderr, done
    assert "login failed" not in done.stderr


def test_a_changed_host_key_is_refused_and_nothing_is_written(lab: Lab) -> None:
    server, other = lab.sshd(), lab.sshd()
    environment(lab)
    known = lab.home / ".ssh" / "known_hosts"
    known.write_text(other.known_line().replace(str(other.port), str(server.port)))
    path = lab.home / "inventory.yml"
    # OpenSSH's known_hosts is looked up in the home that the process has.
    done = edgeboot(
        lab, "inventory", "init", "--yes", f"root@127.0.0.1:{server.port}", "--out", path
    )
    assert done.returncode == 5, done
    assert "host key changed" in done.stderr
    assert not path.exists()
