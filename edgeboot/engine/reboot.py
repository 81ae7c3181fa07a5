"""Reboots a host, waits for it, and checks that it rebooted.

Boards take minutes: their firmware probes buses, file systems are checked. The kernel's boot ID
proves the reboot. The lock on the host ends with it and has to be taken again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edgeboot.errors import Refused, StepFailed, Unreachable
from edgeboot.events import Listener, Waiting
from edgeboot.transport.base import Result, Snippet, Transport

PATIENCE = 600.0  # seconds until a host has to be back
PAUSE = 3.0
_DEADLINE = 30.0


def reboot(
    transport: Transport,
    boot_id: str,
    tell: Listener,
    *,
    patience: float = PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Reboots a host, unless its boot ID is no longer ``boot_id``, and reconnects to it.

    The command may get lost on a bad link, so it is repeated while the boot ID is the same.
    ``StepFailed`` if the host is not back within ``patience`` seconds.
    """
    until = clock() + patience
    told = False
    while True:
        try:
            if told:
                transport.reconnect()
            found = transport.run(Snippet("reboot", (boot_id,)), deadline=_DEADLINE)
            if not found.ok or found.stdout.strip() not in {"", boot_id}:
                return found
            state = "it has not shut down yet"
        except (Unreachable, Refused) as error:  # users may not log in while a host is booting
            state = error.what
        if not told:
            tell(Waiting(transport.node, "it is rebooting"))
        told = True
        if clock() > until:
            raise StepFailed(
                f"it is not back {patience:.0f} s after the reboot: {state}",
                where=transport.node,
                hint="check its console or power-cycle it, then rerun",
            )
        sleep(PAUSE)
