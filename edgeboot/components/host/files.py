"""The operator's own files for hosts, and hooks: commands to run there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from edgeboot.blob import BytesSource
from edgeboot.components.context import Context
from edgeboot.inventory.host.host import Hook
from edgeboot.inventory.model import Node
from edgeboot.plan.resources import Action, Directory, File, Resource
from edgeboot.secret import Secret


def files(context: Context) -> Iterator[Resource]:
    """The files. One that is removed from the inventory stays on the host."""
    for file in context.node.host.files:
        yield Directory(file.dest.rpartition("/")[0] or "/", kept=True)
        content = Secret(file.content) if file.secret else BytesSource(file.content)
        yield File(file.dest, content, file.mode)


def hooks(node: Node, stage: str, *, after: bool) -> Iterator[Action]:
    """The hooks of one moment, in the inventory's order."""
    for hook in node.host.hooks:
        if (hook.stage, hook.after) == (stage, after):
            yield _action(node, hook)


def _action(node: Node, hook: Hook) -> Action:
    total = hashlib.sha256(hook.script.encode())
    total.update(hook.inputs.encode())
    return Action(
        name=f"hook-{hook.name}",
        inputs=total.hexdigest(),
        snippet="hook",
        text=f"run hook {hook.name} ({hook.when})",
        parameters=(str(hook.timeout), node.name, node.role.value),
        shown=tuple(hook.script.splitlines()),
        stdin=hook.script.encode(),
        deadline=hook.timeout + 30.0,
        hint=f"fix what hook {hook.name} reports and rerun: the whole hook runs again",
    )
