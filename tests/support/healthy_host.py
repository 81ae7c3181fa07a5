"""The facts of a host that preflight has nothing against."""

from __future__ import annotations

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents, Item
from edgeboot.bundle.format.contents import Role as ItemRole
from edgeboot.plan.condition import Condition, Filesystem
from edgeboot.plan.facts import Facts, HostTraits

NOW = 1_790_000_000
GIB = 1 << 30
VERSION = "v1.36.2+k3s1"
CONTENTS = Contents(
    "case",
    VERSION,
    ("amd64",),
    (Item(ItemRole.K3S_BINARY, "k3s", Blob("a" * 64, 1), arch="amd64", version=VERSION),),
    (),
    (),
)
MODULES = ("overlay", "br_netfilter", "nf_conntrack", "vxlan", "iptable_nat")


def healthy(name: str) -> Facts:
    """A host that nothing speaks against."""
    controllers = frozenset({"cpu", "cpuset", "memory", "pids"})
    traits = HostTraits(
        "x86_64", "debian 12", "systemd", 2, controllers, 4 * GIB, 4, name, f"id-{name}", NOW, True
    )
    disk = Filesystem(1, 32 * GIB, 16 * GIB, True, "ssd")
    places = ("/usr/local/bin", "/etc/rancher", "/var/lib/rancher/k3s", "/var/lib/edgeboot")
    condition = Condition(
        boot_id="boot-1",
        userland_bits=64,
        page_size=4096,
        modules=dict.fromkeys(MODULES, "builtin"),
        filesystems=dict.fromkeys(places, disk),
        resolvers={"/etc/resolv.conf": ("192.0.2.53",)},
        iptables="v1.8.9 (nf_tables)",
    )
    return Facts(traits, {}, frozenset(), {}, (), "", None, condition, float(NOW))
