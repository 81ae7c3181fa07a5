"""Wi-Fi of boards without power saving, which loses packets and with them heartbeats."""

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
    """What keeps it off from the next boot on, and turns it off now."""
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
    off = "let Wi-Fi save power again from the next boot on"
    yield activation("wifi", files, f"stop {names} from saving power", off, traits.wifi)
