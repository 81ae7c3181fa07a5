"""K3s's configuration from an inventory, exactly."""

from __future__ import annotations

from edgeboot.components.k3s.base import api_url, config_of
from edgeboot.components.k3s.config_file import render
from edgeboot.inventory.model import Cluster, Node, Role

SERVER = Node(
    "server-1", "192.0.2.11", Role.SERVER, labels={"b": "2", "a": "1"}, taints=("x=y:NoSchedule",)
)
AGENT = Node("agent-1", "pi.local", Role.AGENT, node_ip="192.0.2.21")
CLUSTER = Cluster(
    "edge",
    (SERVER, AGENT),
    config={"disable": ("traefik",), "kubelet-arg": ("max-pods=20",), "secrets-encryption": True},
)


def test_a_server() -> None:
    assert render(config_of(CLUSTER, SERVER)) == (
        "# Written by edgeboot; changes are overwritten by the next `edgeboot install`.\n"
        'agent-token-file: "/etc/rancher/k3s/edgeboot-agent-token"\n'
        "disable:\n"
        '  - "traefik"\n'
        "kubelet-arg:\n"
        '  - "max-pods=20"\n'
        "node-label:\n"
        '  - "a=1"\n'
        '  - "b=2"\n'
        'node-name: "server-1"\n'
        "node-taint:\n"
        '  - "x=y:NoSchedule"\n'
        "secrets-encryption: true\n"
        "tls-san:\n"
        '  - "192.0.2.11"\n'
        'token-file: "/etc/rancher/k3s/edgeboot-token"\n'
    )


def test_an_agent_gets_no_server_keys() -> None:
    assert render(config_of(CLUSTER, AGENT)) == (
        "# Written by edgeboot; changes are overwritten by the next `edgeboot install`.\n"
        "kubelet-arg:\n"
        '  - "max-pods=20"\n'
        'node-ip: "192.0.2.21"\n'
        'node-name: "agent-1"\n'
        'server: "https://192.0.2.11:6443"\n'
        'token-file: "/etc/rancher/k3s/edgeboot-token"\n'
    )


def test_an_ipv6_server() -> None:
    cluster = Cluster("edge", (Node("s", "2001:db8::1", Role.SERVER),))
    assert api_url(cluster) == "https://[2001:db8::1]:6443"


def test_an_empty_list_is_not_an_empty_word() -> None:
    assert render({"disable": (), "tls-san": ("a",)}).splitlines()[1:] == ["tls-san:", '  - "a"']
