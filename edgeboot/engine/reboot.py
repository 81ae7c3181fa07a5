"""A reboot, carried through: the host is told, waited for, and has to prove it.

Boards take minutes: their firmware probes buses, file systems are checked. The proof is the
kernel's boot id. Whoever holds the host's lock has to take it again.
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
    """Boots a host anew, unless its boot id is no longer ``boot_id``, and connects to it again.

    The word may get lost on a bad link, so it is said again as long as the host is the same.
    ``StepFailed`` where it is not back within ``patience`` seconds.
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
            state = "it has not gone down yet"
        except (Unreachable, Refused) as error:  # users may not log in while a host is booting
            state = error.what
        if not told:
            tell(Waiting(transport.node, "it is booting"))
        told = True
        if clock() > until:
            raise StepFailed(
                f"it was told to reboot and is not back after {patience:.0f} s: {state}",
                where=transport.node,
                hint="look at its screen or power it off and on, then run the same command again",
            )
        sleep(PAUSE)
