"""A lab's network: one bridge, and per host a namespace whose ``eth0`` hangs on that bridge.

Nothing leaves the machine: no address translation is set up and IP forwarding is not touched. The
hosts get a default route all the same, because K3s finds its own address by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

from edgeboot_lab.errors import LabRefused
from edgeboot_lab.names import LabNames
from edgeboot_lab.run import run
from edgeboot_lab.state import LabRecord

NETNS_DIR = Path("/run/netns")
_LINK_DIR = Path("/sys/class/net")
_BROADEST_THAT_COUNTS = 16


def choose_subnet(used: Iterable[IPv4Network]) -> IPv4Network:
    """The first 10.213.N.0/24 that overlaps none of ``used``.

    Networks broader than /16 (a default route, a VPN's 10.0.0.0/8) do not count: the lab's own /24
    is more specific and wins.
    """
    taken = [network for network in used if network.prefixlen >= _BROADEST_THAT_COUNTS]
    for third in range(256):
        subnet = IPv4Network((f"10.213.{third}.0", 24))
        if not any(subnet.overlaps(network) for network in taken):
            return subnet
    raise LabRefused(
        "every network from 10.213.0.0/24 to 10.213.255.0/24 is in use on this machine",
        hint="take down labs that are not needed (edgeboot lab list)",
    )


def used_networks() -> tuple[IPv4Network, ...]:
    """The networks this machine has routes to; every address has one (table ``local``)."""
    found: list[IPv4Network] = []
    shown = run(("ip", "-json", "-4", "route", "show", "table", "all")).stdout
    for route in json.loads(shown or b"[]"):
        destination = str(route.get("dst", "default"))
        if destination != "default":
            found.append(IPv4Network(destination, strict=False))
    return tuple(found)


def add_bridge(names: LabNames, record: LabRecord) -> None:
    """The controller's side: a bridge that has the subnet's first address."""
    bridge = names.bridge
    run(("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0"))
    address = f"{record.gateway}/{record.subnet.prefixlen}"
    run(("ip", "address", "add", address, "dev", bridge))
    run(("ip", "link", "set", bridge, "up"))


def attach_host(names: LabNames, record: LabRecord, node: str) -> None:
    """A fresh namespace for ``node``, with eth0, its address and its default route.

    Whatever is left of an earlier one goes first: after a power cut the new kernel has no
    interfaces, routes or firewall rules of the old.
    """
    detach_host(names, record, node)
    netns, link = names.host(node), names.link(record.nodes.index(node))
    address = f"{record.address(node)}/{record.subnet.prefixlen}"
    inside = ("ip", "-n", netns)
    run(("ip", "netns", "add", netns))
    peer = ("peer", "name", "eth0", "address", record.mac(node), "netns", netns)
    run(("ip", "link", "add", link, "type", "veth", *peer))
    run(("ip", "link", "set", link, "master", names.bridge, "up"))
    run((*inside, "link", "set", "lo", "up"))
    run((*inside, "address", "add", address, "dev", "eth0"))
    run((*inside, "link", "set", "eth0", "up"))
    run((*inside, "route", "add", "default", "via", str(record.gateway)))


def silence_host(names: LabNames, record: LabRecord, node: str) -> None:
    """Cut the wire of ``node``: no packet leaves or reaches it."""
    link = names.link(record.nodes.index(node))
    if (_LINK_DIR / link).exists():
        run(("ip", "link", "set", link, "down"))


def detach_host(names: LabNames, record: LabRecord, node: str) -> None:
    """Remove the namespace and the link of ``node``; either may be absent."""
    _delete_link(names.link(record.nodes.index(node)))
    _delete_netns(names.host(node))


def remove_all(names: LabNames) -> None:
    """Remove every namespace and link that carries one of this lab's names."""
    for link in _LINK_DIR.glob(f"{names.link_prefix}*"):
        _delete_link(link.name)
    for netns in NETNS_DIR.glob(f"{names.host_prefix}*"):
        _delete_netns(netns.name)
    _delete_link(names.bridge)


def leftovers(names: LabNames) -> tuple[str, ...]:
    """What ``remove_all`` would remove."""
    links = [path.name for path in _LINK_DIR.glob(f"{names.link_prefix}*")]
    spaces = [path.name for path in NETNS_DIR.glob(f"{names.host_prefix}*")]
    bridge = [names.bridge] if (_LINK_DIR / names.bridge).exists() else []
    return (*links, *spaces, *bridge)


def _delete_link(link: str) -> None:
    # A veth goes with its namespace, later: it may vanish between the look and the deletion.
    if (_LINK_DIR / link).exists():
        done = run(("ip", "link", "delete", link), check=False)
        if done.returncode != 0 and (_LINK_DIR / link).exists():
            run(("ip", "link", "delete", link))


def _delete_netns(netns: str) -> None:
    # A killed `ip netns add` leaves a plain file, which `ip netns delete` may balk at.
    if (NETNS_DIR / netns).exists():
        run(("ip", "netns", "delete", netns), check=False)
        (NETNS_DIR / netns).unlink(missing_ok=True)
