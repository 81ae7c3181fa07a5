"""Wi-Fi power saving off on boards: it drops packets, and heartbeats with them."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.host.drop_in import activation, drop_in
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource

_NETWORK_MANAGER = "[connection]\nwifi.powersave = 2\n"
_UDEV = (
    'ACTION=="add", SUBSYSTEM=="net", KERNEL=="wl*", '
    "RUN+=\"/bin/sh -c 'iw dev $name set power_save off'\"\n"
)


def wifi(context: Context) -> Iterator[Resource]:
    """The file that turns it off at boot, and the action that turns it off now."""
    traits = context.traits
    files: list[File] = []
    if traits.wifi and traits.board and "iw" in traits.has:
        managed = "network-manager" in traits.has
        path = paths.NETWORK_MANAGER if managed else paths.UDEV_WIFI
        content = _NETWORK_MANAGER if managed else _UDEV
        for resource in drop_in(path, f"Wi-Fi of a {traits.board}", content):
            files += [resource] if isinstance(resource, File) else []
            yield resource
    names = ", ".join(traits.wifi)
    off = "allow Wi-Fi power saving again from the next boot"
    yield activation("wifi", files, f"turn off power saving on {names}", off, traits.wifi)
