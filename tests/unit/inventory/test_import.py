"""Other tools' inventories: what is carried over, and what is said to be lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.cli.inventory.imports import import_
from edgeboot.errors import BadInput
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster, Role

K3S_ANSIBLE = """\
---
k3s_cluster:
  children:
    server:
      hosts:
        192.0.2.11:
    agent:
      hosts:
        192.0.2.12:
        camera:
          ansible_host: 192.0.2.13
          ansible_port: 2222
  vars:
    ansible_user: debian
    ansible_ssh_common_args: -o ProxyJump=gate@gateway.example.com:2200
    k3s_version: v1.30.2+k3s1
    token: "changeme!"
    extra_server_args: "--disable traefik"
"""

INI = """\
# k3s-ansible before its YAML form
[master]
192.0.2.11

[node]
192.0.2.[12:13]  ansible_user=pi
board-2 ansible_host=192.0.2.14

[k3s_cluster:children]
master
node

[k3s_cluster:vars]
ansible_user='debian'
ansible_become_password=hush
"""

K0SCTL = """\
apiVersion: k0sctl.k0sproject.io/v1beta1
kind: Cluster
metadata: {name: barn}
spec:
  hosts:
  - role: controller
    hostname: first
    privateAddress: 198.51.100.1
    ssh:
      address: 192.0.2.11
      user: root
      port: 2222
      bastion: {address: gateway.example.com, user: gate, keyPath: ~/.ssh/gate}
  - role: worker
    installFlags: [--debug]
    ssh: {address: 192.0.2.12, user: root}
  - role: worker
    winRM: {address: 192.0.2.13}
  k0s: {version: 1.30.0+k0s.0}
"""

SSH_CONFIG = """\
Host pi-*
  User pi
  ProxyJump gate@192.0.2.1
Host pi-2 pi-1
  Port 2222
Host pi-1
  HostName 192.0.2.11
Host pi-2
  HostName 192.0.2.12
Host other
  HostName 192.0.2.99
"""


def run(tmp_path: Path, name: str, text: str, *words: str) -> tuple[Path, str]:
    source, made = tmp_path / name, tmp_path / "inventory.yml"
    source.write_text(text)
    runner = CliRunner()
    done = runner.invoke(import_, [str(source), "--out", str(made), *words], standalone_mode=False)
    if done.exception:
        raise done.exception
    return made, done.output


def imported(tmp_path: Path, name: str, text: str, *words: str) -> tuple[Cluster, str]:
    made, said = run(tmp_path, name, text, *words)
    return load(made), said


def test_k3s_ansible(tmp_path: Path) -> None:
    cluster, said = imported(tmp_path, "hosts.yml", K3S_ANSIBLE)
    found = [(n.name, n.address, n.role, n.ssh.user, n.ssh.port) for n in cluster.nodes]
    assert found == [
        ("server-1", "192.0.2.11", Role.SERVER, "debian", None),
        ("agent-1", "192.0.2.12", Role.AGENT, "debian", None),
        ("camera", "192.0.2.13", Role.AGENT, "debian", 2222),
    ]
    jump = cluster.nodes[0].ssh.jump
    assert jump
    assert (jump.user, jump.address, jump.port) == ("gate", "gateway.example.com", 2200)
    for word in ("k3s_version", "token"):
        assert f"not carried over: {word}:" in said
    assert cluster.nodes[0].config == {"disable": ("traefik",)}
    assert "changeme" not in said


def test_k3s_ansible_as_ini(tmp_path: Path) -> None:
    cluster, said = imported(tmp_path, "hosts.ini", INI)
    found = [(n.name, n.address, n.role, n.ssh.user) for n in cluster.nodes]
    assert found == [
        ("server-1", "192.0.2.11", Role.SERVER, "debian"),
        ("agent-1", "192.0.2.12", Role.AGENT, "pi"),
        ("agent-2", "192.0.2.13", Role.AGENT, "pi"),
        ("board-2", "192.0.2.14", Role.AGENT, "debian"),
    ]
    assert "ansible_become_password: use --ask-sudo-pass" in said
    assert "hush" not in said


def test_what_does_not_pass_the_check_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="invalid address") as error:
        run(tmp_path, "hosts.ini", INI.replace("192.0.2.14", "192.0.2.256"))
    assert str(error.value.where).startswith(str(tmp_path / "inventory.yml") + ":")


def test_k0sctl(tmp_path: Path) -> None:
    cluster, said = imported(tmp_path, "k0sctl.yaml", K0SCTL)
    assert cluster.name == "barn"
    first, second = cluster.nodes
    assert (first.name, first.address, first.node_ip) == ("first", "192.0.2.11", "198.51.100.1")
    assert (first.role, first.ssh.port) == (Role.SERVER, 2222)
    assert first.ssh.jump
    assert (first.ssh.jump.user, first.ssh.jump.address) == ("gate", "gateway.example.com")
    assert (second.name, second.role) == ("agent-1", Role.AGENT)
    for words in ("ssh.bastion.keyPath", "installFlags", "host 3: does not use SSH", "spec.k0s"):
        assert words in said


K0SCTL_MORE = """\
apiVersion: k0s.k0sproject.io/v1beta1
kind: ClusterConfig
---
apiVersion: k0sctl.k0sproject.io/v1beta1
kind: Cluster
metadata: {name: first}
spec:
  hosts:
  - role: controller+worker
    hooks: {apply: {before: [reboot]}}
    files: [{src: x, dst: /x}]
    ssh: {address: 192.0.2.11, keyPath: keys/pi, bastion: {address: "2001:db8::1"}}
  - role: controller
    ssh: {address: "${EDGEBOOT_TEST_HOST}", user: pi, port: 22}
  - role: worker
    openSSH: {address: 192.0.2.13}
  - role: worker
    ssh: {address: 192.0.2.14, user: "${EDGEBOOT_TEST_NONE}"}
---
apiVersion: k0sctl.k0sproject.io/v1beta1
kind: Cluster
metadata: {name: second}
spec: {hosts: []}
"""


def test_k0sctl_s_defaults_and_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBOOT_TEST_HOST", "192.0.2.12")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "pi").write_text("key")
    cluster, said = imported(tmp_path, "k0sctl.yaml", K0SCTL_MORE)
    assert (cluster.name, cluster.datastore.kind.value) == ("first", "etcd")
    assert [(n.address, n.role.value, n.ssh.user, n.ssh.port) for n in cluster.nodes] == [
        ("192.0.2.11", "server", "root", None),
        ("192.0.2.12", "server", "pi", None),
        ("192.0.2.13", "agent", None, None),
        ("192.0.2.14", "agent", "root", None),
    ]
    first = cluster.nodes[0].ssh
    assert first.key == tmp_path / "keys" / "pi"
    assert first.jump
    assert (first.jump.user, first.jump.address) == ("root", "2001:db8::1")
    for words in (
        "host 1 (192.0.2.11): hooks",
        "host 1 (192.0.2.11): files",
        "cluster 'second': import each cluster from a file of its own",
        "1 of its documents are not k0sctl's",
        "user; the environment variable EDGEBOOT_TEST_NONE is not set",
    ):
        assert words in said


def test_ssh_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # without ssh; with it: tests/integration/transport
    words = ("--from", "ssh-config", "--host", "pi-*")
    cluster, said = imported(tmp_path, "config", SSH_CONFIG, *words)
    found = [(n.name, n.address, n.role, n.ssh.user, n.ssh.port) for n in cluster.nodes]
    assert found == [
        ("pi-1", "192.0.2.11", Role.SERVER, "pi", 2222),
        ("pi-2", "192.0.2.12", Role.AGENT, "pi", 2222),
    ]
    assert cluster.nodes[0].ssh.jump
    assert cluster.nodes[0].ssh.jump.address == "192.0.2.1"
    assert "roles" in said
    with pytest.raises(BadInput, match="no host matches"):
        run(tmp_path, "config", SSH_CONFIG, "--from", "ssh-config", "--host", "x*", "--force")


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a: b", "web: {hosts: {a: }}", "[x]\n"])
def test_what_is_no_inventory(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput):
        run(tmp_path, "hosts.yml", text)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    made, _ = run(tmp_path, "hosts.yml", K3S_ANSIBLE)
    before = made.read_text()
    with pytest.raises(BadInput, match="the file exists"):
        run(tmp_path, "k0sctl.yaml", K0SCTL)
    assert made.read_text() == before
    run(tmp_path, "k0sctl.yaml", K0SCTL, "--force")
    assert load(made).name == "barn"
