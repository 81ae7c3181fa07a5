"""One install where nothing is as on a developer's machine, watched for secrets (row 44).

agent-1: fish as login shell, sudo only with a password, noexec /tmp, no SFTP subsystem, a noisy
start-up file (rows 17, 19-22).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet import Fleet
from tests.support.terminal import on_terminal

PASSWORD = "a password that nobody sees 4711"
USER = "keeper"

_PREPARE = """
set -e
useradd -m -s {shell} {user}
echo '{user}:{password}' | chpasswd
echo '{user} ALL=(ALL) ALL' >/etc/sudoers.d/{user}; chmod 440 /etc/sudoers.d/{user}
mkdir -p -m 700 /home/{user}/.ssh /home/{user}/.config/fish
cat ~edge/.ssh/authorized_keys >/home/{user}/.ssh/authorized_keys
echo 'echo noise; echo noise >&2' | tee /home/{user}/.bashrc >/home/{user}/.config/fish/config.fish
chown -R {user}:{user} /home/{user}
cp /etc/ssh/sshd_config /etc/ssh/sshd_config.before
sed -i 's/^Subsystem/#Subsystem/' /etc/ssh/sshd_config
systemctl reload ssh
mount -t tmpfs -o noexec,nosuid tmpfs /tmp
echo prepared
"""
_RESTORE = """
umount /tmp
mv /etc/ssh/sshd_config.before /etc/ssh/sshd_config; systemctl reload ssh
rm -f /etc/sudoers.d/{user}; pkill -u {user}; userdel -r {user}
"""
# Everything on a host that is no secret's proper place.
_SEARCH = """
grep -rlaF -e "$1" /etc/systemd /run/systemd /tmp /var/tmp /var/log /var/lib/edgeboot \
    /home /root /etc/environment 2>/dev/null
journalctl --no-pager -o cat 2>/dev/null | grep -aF -e "$1"
true
"""


@pytest.fixture
def odd(bare: Fleet) -> Iterator[Fleet]:
    """The fleet with an odd agent-1."""
    root = bare.lab.host("agent-1").root
    shell = _fish_into(root) or "/bin/bash"
    script = _PREPARE.format(user=USER, password=PASSWORD, shell=shell)
    assert "prepared" in bare.on("agent-1", script)
    yield bare
    bare.on("agent-1", _RESTORE.format(user=USER))


def _fish_into(root: Path) -> str | None:
    """Copies the machine's fish and its libraries into a host; None where it has none."""
    fish = shutil.which("fish")
    if fish is None:
        return None
    linked = subprocess.run(["ldd", fish], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in linked.split() if word.startswith("/")]
    for path in map(Path, (fish, *libraries)):
        inside = root / str(path.resolve()).lstrip("/")
        named = root / str(path).lstrip("/")
        for target in {inside, named}:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
    return fish


class Watch:
    """Every command line seen on this machine and in its lab hosts, polled each 10 ms."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue


def test_rows_17_19_to_22_and_44(odd: Fleet) -> None:
    base = {node["name"]: node["ssh"] for node in odd.base["nodes"]}
    inventory = odd.inventory(
        "server-1", "agent-1", agent_1={"ssh": {**base["agent-1"], "user": USER}}
    )
    command = ("install", "-i", inventory, "--yes", "--timeout", "240")
    without = odd.run(*command)
    assert without.code == 5, without.all
    assert f"sudo asks {USER} for a password" in without.err
    assert "-K" in without.err

    answers = {"sudo password of the hosts:": PASSWORD}
    with Watch() as watch:
        code, said = on_terminal((*command, "-K"), answers, odd.env, seconds=400)
    assert code == 0, said
    assert said.count("sudo password of the hosts:") == 1
    assert odd.nodes() == {"server-1": True, "agent-1": True}
    code, again = on_terminal(("plan", "-i", inventory), answers, odd.env, seconds=120)
    assert code == 0, again

    token = odd.on("server-1", "cat /var/lib/rancher/k3s/server/node-token").strip()
    secrets = {"password": PASSWORD, "token": token.rpartition(":")[2]}
    assert len(secrets["token"]) >= 32
    # The watch sees what runs on the hosts: the text of a snippet is an argument there.
    assert any(b"take_lock" in line for line in watch.seen)
    for name, secret in secrets.items():
        assert [line for line in watch.seen if secret.encode() in line] == [], name
        assert secret not in said + again, name
        for node in ("server-1", "agent-1"):
            assert odd.on(node, f"set -- '{secret}'\n{_SEARCH}") == "", (name, node)
        for path in odd.work.rglob("*"):
            if path.is_file() and "kubeconfig" not in path.name:
                assert secret.encode() not in path.read_bytes(), path
    for node in ("server-1", "agent-1"):
        # The lab makes /var/lib/edgeboot itself, so that its own mode proves nothing here.
        modes = "stat -c %a /etc/rancher/k3s/edgeboot-token\n"
        modes += "find /var/lib/edgeboot/* ! -name lock -perm /077"
        assert odd.on(node, modes).split() == ["600"]
    assert json.dumps(secrets["password"]) not in inventory.read_text()
