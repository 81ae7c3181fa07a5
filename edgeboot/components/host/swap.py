"""``swap``: compressed memory instead of swap on a card, or no swap."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.heading import head
from edgeboot.components.host.drop_in import activation
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text
from edgeboot.plan.scripts import script

# After the services that set up swap of their own, so that this one wins.
_SYSTEMD = """\
[Unit]
Description=Swap as edgeboot's inventory says
After=swap.target dphys-swapfile.service
Before=k3s.service k3s-agent.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {script} start {mode}
ExecStop=/bin/sh {script} stop

[Install]
WantedBy=multi-user.target
"""
_OPENRC = """\
description="Swap as edgeboot's inventory says"

depend() {{
    after swap
    before k3s k3s-agent
}}

start() {{
    /bin/sh {script} start {mode}
}}

stop() {{
    /bin/sh {script} stop
}}
"""
_WORDS = {
    "zram": "swap only to compressed memory, half the memory in size",
    "none": "turn swap off",
}


def swap(context: Context) -> Iterator[Resource]:
    """The service that sets up swap, and its script."""
    mode = context.node.host.swap
    files: list[File] = []
    if mode != "keep":
        words = {"script": paths.SWAP_SCRIPT, "mode": mode}
        files.append(File(paths.SWAP_SCRIPT, script("swap"), 0o700))
        why = head(f"swap: {mode}")
        if context.traits.init == "openrc":
            service = "#!/sbin/openrc-run\n" + why + _OPENRC.format(**words)
            files.append(File(paths.SWAP_INIT, text(service), 0o755))
        else:
            files.append(File(paths.SWAP_UNIT, text(why + _SYSTEMD.format(**words))))
    yield from files
    yield activation("swap", files, _WORDS.get(mode, ""), "restore the host's previous swap")
