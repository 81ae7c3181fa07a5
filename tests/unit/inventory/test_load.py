"""What a right inventory becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.inventory.load import load
from edgeboot.inventory.model import Budget, Cluster, Jump, Role

EXAMPLES = sorted((Path(__file__).parents[3] / "inventories").glob("*.yml"))

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
LAYERED = f"""
cluster:
  name: edge
  config:
    disable: traefik
    write-kubeconfig-mode: 0640
    kubelet-arg: [fail-cgroupv1=false]
bundle: bundles/edge.tar
defaults:
  ssh: {{user: pi, port: 2222, key: id, jump: "gate@[2001:db8::1]:2022"}}
  labels: {{site: barn, version: 1.10, spare: true}}
  taints: ["a=b:NoSchedule"]
  budget: {{memory: 512MiB, cpu: 0.5, disk: 2G}}
roles:
  server: {{budget: {{memory: 1GiB}}}}
groups:
  first: {{profiles: [lean, sd-card], labels: {{site: roof, board: rpi4}}}}
  second: {{labels: {{site: lake}}, taints: []}}
nodes:
  - name: server-1
    address: 192.0.2.11
    node-ip: 198.51.100.1
    role: server
    groups: [first, second]
    ssh: {{jump: none, host-key: "{KEY} a comment"}}
    labels: {{board: rpi5, node.kubernetes.io/kind: x}}
    config: {{tls-san: [edge.example.com], v: 2}}
  - name: agent-[08-10]
    address: 192.0.2.[98-100]
    node-ip: 198.51.100.[18-20]
    role: agent
    budget: {{cpu: 250m}}
  - {{name: six, address: "[2001:DB8::5]", role: agent, ssh: {{jump: "2001:db8::22"}}}}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "id").write_text("")
    (tmp_path / "inventory.yml").write_text(LAYERED)
    return load(tmp_path / "inventory.yml")


def test_cluster(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.name == "edge"
    assert cluster.bundle == tmp_path / "bundles" / "edge.tar"
    assert cluster.config == {
        "disable": ("traefik",),
        "write-kubeconfig-mode": "0640",
        "kubelet-arg": ("fail-cgroupv1=false",),
    }
    assert [node.name for node in cluster.servers] == ["server-1"]
    assert cluster.where == f"{tmp_path / 'inventory.yml'}:2"


def test_layers(cluster: Cluster, tmp_path: Path) -> None:
    server = cluster.nodes[0]
    assert server.role is Role.SERVER
    assert server.labels == {
        "site": "lake",
        "version": "1.10",
        "spare": "true",
        "board": "rpi5",
        "node.kubernetes.io/kind": "x",
    }
    assert server.taints == ()
    assert server.budget == Budget(memory=2**30, cpu=500, disk=2 * 10**9)
    assert (server.ssh.user, server.ssh.port, server.ssh.key) == ("pi", 2222, tmp_path / "id")
    assert server.ssh.jump is None
    assert server.ssh.host_key == KEY
    assert server.config == {"tls-san": ("edge.example.com",), "v": 2}
    assert server.node_ip == "198.51.100.1"
    assert server.where.endswith(":20")
    assert server.profiles == {"lean", "sd-card"}
    assert cluster.nodes[1].profiles == frozenset()


def test_ranges(cluster: Cluster) -> None:
    agents = cluster.nodes[1:4]
    assert [(a.name, a.address, a.node_ip) for a in agents] == [
        ("agent-08", "192.0.2.98", "198.51.100.18"),
        ("agent-09", "192.0.2.99", "198.51.100.19"),
        ("agent-10", "192.0.2.100", "198.51.100.20"),
    ]
    assert {a.budget for a in agents} == {Budget(memory=2**29, cpu=250, disk=2 * 10**9)}
    assert agents[0].taints == ("a=b:NoSchedule",)
    assert agents[0].ssh.jump == Jump("2001:db8::1", user="gate", port=2022)


def test_ipv6(cluster: Cluster) -> None:
    six = cluster.nodes[4]
    assert six.address == "2001:db8::5"
    assert six.ssh.jump == Jump("2001:db8::22")


@pytest.mark.parametrize(
    ("text", "jump"),
    [
        ("gate", Jump("gate")),
        ("gate:2022", Jump("gate", port=2022)),
        ("me@gate.example.com", Jump("gate.example.com", user="me")),
        ("[fe80::1%eth0]:22", Jump("fe80::1%eth0", port=22)),
    ],
)
def test_jump_in_short(text: str, jump: Jump, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(
        "cluster: {name: edge}\nnodes:\n"
        f'  - {{name: a, address: b, role: server, ssh: {{jump: "{text}"}}}}\n'
    )
    assert load(path).nodes[0].ssh.jump == jump


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples(path: Path) -> None:
    assert load(path).servers


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} >= {"single.yml", "six-pis.yml", "jump-host.yml"}


def test_same_address_at_other_ports(tmp_path: Path) -> None:
    """Forwarded ports of one gateway are different hosts."""
    path = tmp_path / "inventory.yml"
    path.write_text(
        "cluster: {name: edge}\nnodes:\n"
        "  - {name: a, address: 192.0.2.1, role: server, ssh: {port: 2201}}\n"
        "  - {name: b, address: 192.0.2.1, role: agent, ssh: {port: 2202}}\n"
    )
    assert len(load(path).nodes) == 2
