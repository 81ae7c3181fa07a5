"""``inventory import --from ssh-config``: hosts of an SSH configuration as a draft."""

from __future__ import annotations

import fnmatch
import shutil
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, DraftNode, DraftSsh, named
from edgeboot.inventory.model import Role
from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.client_config import files
from edgeboot.transport.ssh.client_config.program import AskSsh
from edgeboot.transport.ssh.client_config.readers import CONFIGS
from edgeboot.transport.ssh.client_config.resolve import resolve
from edgeboot.transport.ssh.client_config.settings import (
    SSH_PORT,
    HostConfiguration,
    Query,
    Reader,
)
from edgeboot.transport.ssh.client_config.subset import Subset
from edgeboot.transport.ssh.target import Hop, SshTarget


def from_ssh_config(path: Path, pattern: str | None) -> Draft:
    """The hosts that the file names and ``pattern`` matches, the first one as the server."""
    if not pattern:
        hint = "add --host with a name or a pattern, for example --host 'pi-*'"
        raise BadInput("--from ssh-config needs --host", hint=hint)
    if not path.is_file():
        hint = "name the SSH configuration to read"
        raise BadInput("no such file", where=str(path), hint=hint)
    lines = files.read(path)
    names = sorted(n for n in set(files.names(lines)) if fnmatch.fnmatchcase(n, pattern))
    if not names:
        hint = "use names as written after `Host`; patterns there are skipped"
        raise BadInput(f"no host matches {pattern!r}", where=str(path), hint=hint)
    lost: dict[str, None] = {}
    hops = _hops(names, _reader(path, lines, names[0], lost), lost)
    nodes = [_node(name, hop, first=number == 0) for number, (name, hop) in enumerate(hops.items())]
    for name, hop in hops.items():
        if hop.via and hop.via.via:
            lost[f"{name}: only its last jump host; the others still come from {path}"] = None
    if len(nodes) > 1:
        lost["roles: the first host is the server, the others are agents; adjust them"] = None
    return Draft("edge", named(nodes), lost=tuple(lost))


def _reader(path: Path, lines: tuple[files.Line, ...], name: str, lost: dict[str, None]) -> Reader:
    """ssh, except for a file of others with ``Match exec``: an import runs no commands of it."""
    own = path in {expanded(config) for config in CONFIGS}
    ssh = shutil.which("ssh")
    if ssh is None or (not own and files.runs_programs(lines)):
        return Subset((lines,), skipped=lost)
    asked = AskSsh(ssh, (path,))
    try:
        asked.settings(Query(name, name))
    except HostConfiguration:
        pass  # told with its host
    except BadInput as error:  # a file from a machine with another ssh, as on macOS
        lost[f"{path}: {error.what}; edgeboot read it by itself"] = None
        return Subset((lines,), skipped=lost)
    return asked


def _hops(names: list[str], reader: Reader, lost: dict[str, None]) -> dict[str, Hop]:
    """The hosts that can be resolved; all the others are lost, and an error if none is left."""
    found: dict[str, Hop] = {}
    problem: HostConfiguration | None = None
    for name in names:
        try:
            found[name] = resolve(SshTarget(name, name), reader)
        except HostConfiguration as error:
            problem = error
            lost[f"{name}: {error.what}"] = None
    if problem and not found:
        raise problem
    return found


def _node(name: str, hop: Hop, *, first: bool) -> DraftNode:
    jump = hop.via
    host = f"[{jump.host}]" if jump and ":" in jump.host else jump.host if jump else ""
    return DraftNode(
        address=hop.host,
        role=Role.SERVER if first else Role.AGENT,
        name=name,
        ssh=DraftSsh(
            user=hop.user,
            port=hop.port if hop.port != SSH_PORT else None,
            key=next((str(key) for key in hop.keys if key.is_file()), None),
            jump=f"{jump.user}@{host}:{jump.port}" if jump else None,
        ),
    )
