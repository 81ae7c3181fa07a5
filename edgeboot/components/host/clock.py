"""The clock: the site's time servers, and a floor for boards without a battery-backed clock."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.host.drop_in import activation, drop_in
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource
from edgeboot.plan.scripts import script

_PATIENCE = 60  # seconds K3s waits for a time server at each start; then it starts anyway
DAEMONS = ("chrony", "chrony.d", "timesyncd")  # the first one on a host is configured
_FILES = {"chrony": paths.CHRONY, "chrony.d": paths.CHRONY_RHEL, "timesyncd": paths.TIMESYNCD}


def clock(context: Context) -> Iterator[Resource]:
    """The script that runs before K3s starts, and the drop-in for the host's time daemon."""
    if needs_script(context):
        yield File(paths.CLOCK, script("clock"), 0o700)
    daemon = daemon_of(context.traits.has)
    servers = context.node.host.time_servers
    for name in ("chrony", "timesyncd"):
        files: list[File] = []
        if servers and daemon is not None and daemon.partition(".")[0] == name:
            for resource in drop_in(_FILES[daemon], "time: servers", _settings(name, servers)):
                files += [resource] if isinstance(resource, File) else []
                yield resource
        on = f"set {name}'s time servers to {', '.join(servers)}"
        yield activation(name, files, on, f"restore {name}'s previous time servers")


def daemon_of(has: frozenset[str]) -> str | None:
    """The host's time daemon, if it reads drop-ins."""
    return next((name for name in DAEMONS if name in has), None)


def has_floor(context: Context) -> bool:
    """Whether its clock is set forward to the last known time at boot: by default on boards."""
    wanted = context.node.host.time_floor
    return bool(context.traits.board) if wanted is None else wanted


def needs_script(context: Context) -> bool:
    """Whether there is anything to do before K3s starts."""
    return has_floor(context) or bool(context.node.host.time_servers)


def command(context: Context) -> str | None:
    """The command that runs before K3s starts."""
    if not needs_script(context):
        return None
    seconds = _PATIENCE if context.node.host.time_servers else 0
    return f"/bin/sh {paths.CLOCK} {'yes' if has_floor(context) else 'no'} {seconds}"


def _settings(daemon: str, servers: tuple[str, ...]) -> str:
    if daemon == "timesyncd":
        return f"[Time]\nNTP={' '.join(servers)}\nFallbackNTP=\n"
    # A clock that is far off is set at once as long as little runs: the first three answers.
    return "".join(f"server {name} iburst\n" for name in servers) + "makestep 1 3\n"
