"""The SSH configuration as the real ssh reads it, compared with our own reader where both can."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.cli.inventory.imports import import_
from edgeboot.cli.run.connect import connected
from edgeboot.errors import BadInput, EdgebootError
from edgeboot.inventory.load import load
from edgeboot.transport.base import Argv
from edgeboot.transport.ssh.client_config import files
from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.client_config.resolve import resolve
from edgeboot.transport.ssh.client_config.settings import HostConfiguration, Query
from edgeboot.transport.ssh.client_config.subset import Subset
from edgeboot.transport.ssh.openssh import client_files
from edgeboot.transport.ssh.target import Hop, SshTarget
from tests.integration.transport.sshd import Lab

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not shutil.which("ssh"), reason="needs OpenSSH's client"),
]


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config"
    path.write_text(text)
    return path


def _hop(tmp_path: Path, text: str, target: SshTarget) -> Hop:
    return resolve(target, reader((_written(tmp_path, text),)))


PI = "Host pi # first\n HostName 192.0.2.11 # rack 1\n User pi # login\n"
BOTH = [
    f"{PI}Match final all\n GSSAPIAuthentication yes\n",
    f"{PI}Match final host 192.0.2.*\n Port 99\n",
    f"{PI} Port 2222 # odd\n",
    f"{PI} ProxyCommand none\nHost *\n ProxyCommand nc -X 5 -x 127.0.0.1:1080 %h %p\n",
    f"{PI}Match user git\n Port 99\nMatch all\n IdentitiesOnly yes\n",
    f"{PI}Match !user git originalhost pi\n Port 99\n",
    f"{PI} ProxyJump a@gate,[2001:db8::1]:2200\n",
    f"{PI} ProxyJump none\nHost *\n ProxyJump gate\n",
    f"{PI} ProxyJump gate\n ProxyCommand nc %h %p\n",
    f'{PI} UserKnownHostsFile /one /two\n GlobalKnownHostsFile "/three"\n',
    f"{PI} IdentityFile /k/%h_%r\n IdentityFile ~/.ssh/%n\n CertificateFile /c\n",
    f"{PI} IdentityAgent none\n HostKeyAlias rack\n ConnectTimeout 7\n AddressFamily inet\n",
    "Host * !pi\n User wrong\nHost pi\n User right\n",
    'Host "pi"\n User=pi\n HostName = %h.example.com\n',
]


@pytest.mark.parametrize("text", BOTH)
def test_ssh_and_our_own_reader_agree(tmp_path: Path, text: str) -> None:
    path = _written(tmp_path, text)
    query = Query("n", "pi")
    assert reader((path,)).settings(query) == Subset((files.read(path),)).settings(query)


def test_two_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("Host pi\n User one\n")
    second.write_text("Host *\n User two\n Port 99\n")
    found = reader((first, second)).settings(Query("n", "pi"))
    assert (found.user, found.port) == ("one", 99)


def test_the_command_line_is_what_match_user_sees(tmp_path: Path) -> None:
    text = "Match user git\n HostName 192.0.2.12\nMatch all\n HostName 192.0.2.11\n User pi\n"
    assert _hop(tmp_path, text, SshTarget("n", "pi")).host == "192.0.2.11"
    assert _hop(tmp_path, text, SshTarget("n", "pi", user="git")).host == "192.0.2.12"


def test_a_program_in_match_exec_is_run_by_ssh(tmp_path: Path) -> None:
    text = "Match exec true\n User pi\nMatch exec false\n Port 99\n"
    hop = _hop(tmp_path, text, SshTarget("n", "pi"))
    assert (hop.user, hop.port) == ("pi", 22)


def test_an_address_that_looks_like_an_option_is_an_address(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    target = SshTarget("n", f"-oProxyCommand=touch {mark}")
    with pytest.raises(BadInput):
        _hop(tmp_path, "Host -o*\n ProxyCommand nc\n", target)
    assert not mark.exists()


def test_what_ssh_does_not_understand_is_told_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Bad configuration option: nonsense") as error:
        _hop(tmp_path, "Host pi\n Nonsense yes\n", SshTarget("n", "pi"))
    assert "ssh -G pi" in str(error.value.hint)


def test_a_host_is_asked_about_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    path = _written(tmp_path, f'Match exec "echo x >> {count}"\n User pi\n')
    ours = reader((path,))
    for _ in range(3):
        assert resolve(SshTarget("n", "pi"), ours).user == "pi"
    assert count.read_text() == "x\n"


def test_an_import_runs_nothing_of_somebody_else_s_file(tmp_path: Path) -> None:
    mark, made = tmp_path / "mark", tmp_path / "inventory.yml"
    text = f'{PI}Match exec "touch {mark}"\n User wrong\nHost pc\n ProxyCommand nc %h %p\n'
    path = _written(tmp_path, text)
    words = ["--from", "ssh-config", "--host", "p*", str(path), "--out", str(made)]
    done = CliRunner().invoke(import_, words, standalone_mode=False)
    assert done.exception is None
    assert [(n.address, n.ssh.user) for n in load(made).nodes] == [("192.0.2.11", "pi")]
    assert f"'Match exec' at {path}:4: not evaluated" in done.output
    assert "pc: its SSH configuration uses ProxyCommand" in done.output
    assert not mark.exists()


def test_an_import_reads_what_this_ssh_does_not_know(tmp_path: Path) -> None:
    made = tmp_path / "inventory.yml"
    path = _written(tmp_path, f"{PI}Host *\n UseKeychain yes\n")  # of macOS
    words = ["--from", "ssh-config", "--host", "p*", str(path), "--out", str(made)]
    done = CliRunner().invoke(import_, words, standalone_mode=False)
    assert done.exception is None
    assert [(n.address, n.ssh.user) for n in load(made).nodes] == [("192.0.2.11", "pi")]
    assert "Bad configuration option: usekeychain; edgeboot read it by itself" in done.output


@pytest.fixture
def agent(lab: Lab) -> Iterator[Path]:
    path = lab.home / "own-agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    while not path.exists():
        assert process.poll() is None
    yield path
    process.kill()
    process.wait()


def test_an_agent_named_in_the_configuration_is_used(lab: Lab, agent: Path) -> None:
    server = lab.sshd()
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", str(lab.key)], check=True, env=environment)
    lab.key.unlink()
    target = SshTarget("n", "pi", user="root", host_key=server.public())
    known = f"Host pi\n HostName 127.0.0.1\n Port {server.port}\n"
    host = lab.connect(target, config=_written(lab.home, f"{known} IdentityAgent {agent}\n"))
    assert host.run(Argv(("true",)), deadline=5).ok
    with pytest.raises(Exception, match="no SSH key found"):
        lab.connect(target, config=_written(lab.home, f"{known} IdentityAgent none\n"))


def test_the_refusal_of_one_host_is_its_own(tmp_path: Path) -> None:
    ours = reader((_written(tmp_path, "Host bad\n ProxyCommand nc %h %p\n"),))
    with pytest.raises(HostConfiguration, match="ProxyCommand"):
        resolve(SshTarget("n", "bad"), ours)
    assert resolve(SshTarget("n", "good"), ours).host == "good"


def test_one_host_with_a_setting_we_cannot_use_does_not_stop_the_others(lab: Lab) -> None:
    server = lab.sshd()
    own = lab.home / ".ssh"
    own.mkdir(mode=0o700)
    (own / "config").write_text("Host 192.0.2.9\n ProxyCommand nc %h %p\n")
    inventory = lab.home / "inventory.yml"
    inventory.write_text(
        "cluster: {name: edge}\n"
        f"defaults: {{ssh: {{user: root, key: {lab.key}}}}}\n"
        "nodes:\n"
        f"  - {{name: good, address: 127.0.0.1, role: server, ssh: {{port: {server.port}}}}}\n"
        "  - {name: bad, address: 192.0.2.9, role: agent}\n"
    )
    lost: dict[str, EdgebootError] = {}
    with connected(load(inventory), accept_new=True, lost=lost) as opened:
        assert list(opened) == ["good"]
    assert isinstance(lost["bad"], HostConfiguration)


def test_edgeboot_ssh_reads_the_host_keys_that_the_configuration_names(tmp_path: Path) -> None:
    own = _written(tmp_path, f"Host pi\n UserKnownHostsFile {tmp_path}/own\n ProxyCommand nc %h\n")
    made = tmp_path / "made"
    target = SshTarget("n", "pi")
    made.write_text(client_files(target, tmp_path / "pins", [own]).config)
    said = subprocess.run(["ssh", "-G", "-F", made, "pi"], check=True, capture_output=True)
    assert f"{tmp_path}/own".encode() in said.stdout
