"""~/.ssh/config, the agent, keys with passphrases, hosts that let nobody in by key."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, Unreachable
from edgeboot.transport.base import Argv
from edgeboot.transport.ssh.target import SshTarget
from tests.integration.transport.sshd import Lab

pytestmark = pytest.mark.integration


def _config(lab: Lab, text: str) -> Path:
    path = lab.home / "config"
    path.write_text(text)
    return path


def _user_seen(lab: Lab, target: SshTarget, config: Path | None) -> str:
    host = lab.connect(target, config=config)
    script = 'printf %s "${SUDO_USER:-root}"'
    return host.run(Argv(("sh", "-c", script)), deadline=5).stdout


def test_the_configuration_fills_in_what_the_target_leaves_open(lab: Lab) -> None:
    server = lab.sshd()
    (lab.home / "more").mkdir()
    included = lab.home / "more" / "hosts"
    included.write_text(
        f"Host pi\n HostName 127.0.0.1\n Port {server.port}\n User {lab.users['dash']}\n"
    )
    config = _config(
        lab,
        f"Include {included.parent}/*\n"
        f"Host *\n  IdentityFile {lab.key}\n  IdentityFile /no/such/key\n",
    )
    target = SshTarget("node-1", "pi", host_key=server.public())
    assert _user_seen(lab, target, config) == lab.users["dash"]
    target = SshTarget("node-1", "pi", user="root", host_key=server.public())
    assert _user_seen(lab, target, config) == "root"


def test_jump_chains_from_the_configuration(lab: Lab) -> None:
    first, second, last = lab.sshd(), lab.sshd(), lab.sshd()
    known = lab.home / "known_hosts"
    known.write_text(first.known_line() + second.known_line() + last.known_line())
    config = _config(
        lab,
        f"Host last\n HostName 127.0.0.1\n Port {last.port}\n"
        f" ProxyJump gate,root@second:{second.port}\n"
        f"Host gate\n HostName 127.0.0.1\n Port {first.port}\nHost second\n HostName 127.0.0.1\n"
        f"Host *\n User root\n IdentityFile {lab.key}\n UserKnownHostsFile {known}\n",
    )
    host = lab.connect(SshTarget("node-1", "last"), config=config)
    assert host.run(Argv(("true",)), deadline=5).ok
    assert first.sessions()
    assert second.sessions()
    host.close()


def test_proxy_command_is_refused_clearly(lab: Lab) -> None:
    config = _config(lab, "Host *\n ProxyCommand nc %h %p\n")
    with pytest.raises(BadInput, match="ProxyCommand"):
        lab.connect(SshTarget("node-1", "host"), config=config)


def test_a_jump_circle_is_an_error(lab: Lab) -> None:
    config = _config(lab, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(BadInput, match="form a loop"):
        lab.connect(SshTarget("node-1", "a"), config=config)


def _agent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[bytes]:
    path = lab.home / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    while not path.exists():
        assert agent.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    return agent


def test_a_key_with_a_passphrase_works_from_the_agent_only(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = lab.target(lab.sshd())
    agent = _agent(lab, monkeypatch)
    try:
        subprocess.run(["ssh-add", "-q", str(lab.key)], check=True, capture_output=True)
        change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "hush", "-f", str(lab.key)]
        subprocess.run(change, check=True, capture_output=True)
        assert _user_seen(lab, target, None) == "root"
        lab.key.with_suffix(".pub").unlink()
        assert _user_seen(lab, target, None) == "root"
        subprocess.run(["ssh-add", "-q", "-D"], check=True, capture_output=True)
        with pytest.raises(Unreachable, match="ssh-add") as error:
            lab.connect(target)
        assert error.value.exit_code == 3
    finally:
        agent.kill()
        agent.wait()


def test_many_agent_keys_do_not_stand_before_the_given_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = lab.sshd("MaxAuthTries 2")
    agent = _agent(lab, monkeypatch)
    try:
        for n in range(4):
            other = str(lab.home / f"other{n}")
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
            subprocess.run(["ssh-add", "-q", other], check=True, capture_output=True)
        assert _user_seen(lab, lab.target(server), None) == "root"
    finally:
        agent.kill()
        agent.wait()


def test_a_key_that_is_not_let_in(lab: Lab) -> None:
    server = lab.sshd()
    (server.home / "authorized_keys").write_text("")
    with pytest.raises(Unreachable, match=r"login failed.*\n.*ssh-copy-id") as error:
        lab.connect(lab.target(server))
    assert str(server.port) in str(error.value)
    assert "is the user there" in str(error.value)


def test_a_user_who_may_have_a_password_is_told_how_to_give_it(lab: Lab) -> None:
    server = lab.sshd("PasswordAuthentication yes")
    (server.home / "authorized_keys").write_text("")
    with pytest.raises(Unreachable, match="--ask-pass"):
        lab.connect(lab.target(server))


def test_a_host_without_key_logins(lab: Lab) -> None:
    server = lab.sshd("PubkeyAuthentication no", "PasswordAuthentication yes")
    with pytest.raises(Unreachable, match="asks for password"):
        lab.connect(lab.target(server))


def test_a_key_that_is_not_there(lab: Lab) -> None:
    with pytest.raises(BadInput, match="no such key"):
        lab.connect(lab.target(lab.sshd(), key=lab.home / "nowhere"))


def test_no_key_at_all(lab: Lab) -> None:
    assert os.environ["HOME"] == str(lab.home)
    with pytest.raises(Unreachable, match="no SSH key found"):
        lab.connect(lab.target(lab.sshd(), key=None))
