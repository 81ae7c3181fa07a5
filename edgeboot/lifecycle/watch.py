"""How install watches K3s while it waits for a gate, and the error when it gives up."""

from __future__ import annotations

from collections.abc import Sequence

from edgeboot.components.context import service_of
from edgeboot.engine.observe import status
from edgeboot.errors import EdgebootError, StepFailed
from edgeboot.inventory.model import Node
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.plan.diagnosis import cause_of
from edgeboot.plan.diff import FIRST_START
from edgeboot.plan.health import Status, is_rejected
from edgeboot.plan.steps import Start, Step
from edgeboot.transport.base import Result, Snippet, Transport

_MANY_RESTARTS = 5
_MANY_REJECTIONS = 6


class ServiceWatch:
    """Looks at K3s on each host by ``status.sh``."""

    def look(self, node: Node, transport: Transport) -> Status:
        """A host's status, read only."""
        return status(transport, node.role.value, service_of(node.role))

    def looks_until_hopeless(self, state: ClusterState, node: str) -> int | None:
        """A failed service stays failed. A rejection counts only if it repeats.

        One may be from before its password was forgotten: agents retry every 2 s.
        """
        seen = state.statuses.get(node)
        if seen is None:
            return None
        if seen.active == "failed" or seen.restarts >= _MANY_RESTARTS:
            return 1
        return _MANY_REJECTIONS if is_rejected(seen) else None

    def gave_up(
        self,
        state: ClusterState,
        node: str,
        reason: str,
        steps: Sequence[Step],
        transport: Transport,
    ) -> StepFailed:
        """The error with its cause and the last lines of the journal."""
        seen = state.statuses.get(node)
        excerpt = _excerpt(seen) if seen else ""
        cause = cause_of(seen, node) if seen else None
        again = "then rerun; finished steps are not repeated"
        undone = _undo_first_start(seen, steps, transport)
        return StepFailed(
            f"{reason}{f': {cause.what}' if cause else ''}{excerpt}{undone}",
            where=node,
            hint=f"{cause.hint if cause else 'fix the problem on the host'}; {again}",
            error_id=cause.error_id if cause else "not-ready",
        )


def _excerpt(seen: Status) -> str:
    """The last lines of the log that says most."""
    logs = {"containerd": seen.containerd, "journal": seen.journal, "job": seen.chart_log}
    whose, said = next(((name, text) for name, text in logs.items() if text), ("", ""))
    if not said:
        return ""
    lines = "\n".join(f"    {line}" for line in said.splitlines()[-8:])
    return f"\n  last lines of its {whose}:\n{lines}"


def _undo_first_start(seen: Status | None, steps: Sequence[Step], transport: Transport) -> str:
    """Stops and disables a service that this run started for the first time and that failed.

    Otherwise it would restart for ever, and at every boot. An active service is left alone: it is
    slow, and the next run keeps waiting.
    """
    started = [s.service for s in steps if isinstance(s, Start) and s.reason == FIRST_START]
    if not started or seen is None or seen.active == "active":
        return ""
    try:
        done = transport.run(Snippet("stop", (started[0],)), deadline=120.0)
    except EdgebootError:
        done = Result(1, "", "")
    if done.ok:
        return f"\n  rolled back: {started[0]} is stopped and disabled"
    return f"\n  could not stop {started[0]}: it may keep restarting"
