from __future__ import annotations

import base64

import pytest

from edgeboot.inventory import syntax
from edgeboot.inventory.k3s_keys import applies_to
from edgeboot.inventory.model import Role

FINGERPRINT = "SHA256:" + "A" * 43


def key(kind: str) -> str:
    blob = len(kind).to_bytes(4, "big") + kind.encode() + b"\0\0\0\x20" + bytes(32)
    return f"{kind} {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("Pi-4.local", "pi-4.local"),
        ("host.example.com.", "host.example.com."),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("fe80::1%wlan0", "fe80::1%wlan0"),
    ],
)
def test_address(text: str, address: str) -> None:
    assert syntax.address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", "-a", "a-", "1.2.3", "1.2.3.4.5", "010.0.0.1", "a_b", "fe80::1%", ":", "[]",
     "fe80::1%a b", "fe80::1%$(x)", "a" * 64, ".".join(["a" * 60] * 5), "192.0.2.1/24", "a@b"],
)  # fmt: skip
def test_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        syntax.address(text)


@pytest.mark.parametrize(
    "text",
    [FINGERPRINT, key("ssh-ed25519"), key("ssh-rsa"), key("ecdsa-sha2-nistp256")],
)
def test_host_key(text: str) -> None:
    assert syntax.host_key(text) == text


@pytest.mark.parametrize(
    "text",
    ["SHA256:" + "A" * 42, FINGERPRINT + "=", key("ssh-dss"), "ssh-ed25519",
     key("ssh-rsa").replace("ssh-rsa", "ssh-ed25519"), "ssh-ed25519 !!!!", "ssh-ed25519  AAAA"],
)  # fmt: skip
def test_no_host_key(text: str) -> None:
    with pytest.raises(ValueError, match="ssh-keygen"):
        syntax.host_key(text)


@pytest.mark.parametrize(
    "text",
    ["board", "example.com/board", "node.kubernetes.io/kind", "a.node.kubernetes.io/kind",
     "topology.kubernetes.io/zone", "svccontroller.k3s.cattle.io/enablelb", "A_b.c"],
)  # fmt: skip
def test_label_key(text: str) -> None:
    assert syntax.label_key(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "/a", "a/", "a/b/c", "-a", "a" * 64, "Example.com/a", "node-role.kubernetes.io/worker",
     "kubernetes.io/name", "k8s.io/a", "x.k8s.io/a", "notnode.kubernetes.io/a"],
)  # fmt: skip
def test_no_label_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        syntax.label_key(text)


@pytest.mark.parametrize("text", ["a=b:NoSchedule", "a:NoExecute", "x.io/a=:PreferNoSchedule"])
def test_taint(text: str) -> None:
    assert syntax.taint(text) == text


@pytest.mark.parametrize("text", ["", ":NoSchedule", "a=b", "a=b:noschedule", "a=b c:NoSchedule"])
def test_no_taint(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        syntax.taint(text)


@pytest.mark.parametrize(
    ("name", "role", "applies"),
    [
        ("disable", Role.SERVER, True),
        ("disable", Role.AGENT, False),
        ("kubelet-arg", Role.AGENT, True),
        ("kubelet-arg", Role.SERVER, True),
    ],
)
def test_applies_to(name: str, role: Role, applies: bool) -> None:
    assert applies_to(name, role) is applies
